from django.db import migrations

TABLES = {
    "doctor_availability": "availability_place_is_the_doctors",
    "availability_exceptions": "exception_place_is_the_doctors",
    "appointments": "appointment_place_is_the_doctors",
}

# Only these keys need it: by itself it says no more than the primary key.
PLACES_WITH_THEIR_DOCTOR = migrations.RunSQL(
    "ALTER TABLE doctor_locations ADD CONSTRAINT location_with_doctor UNIQUE (id, doctor_id)",
    "ALTER TABLE doctor_locations DROP CONSTRAINT location_with_doctor",
)


class Migration(migrations.Migration):
    """Let the database refuse another doctor's place; Django has no keys of two columns."""

    dependencies = [
        ("registry", "0001_initial"),
        ("scheduling", "0001_initial"),
    ]

    operations = [
        PLACES_WITH_THEIR_DOCTOR,
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (location_id, doctor_id) "
                "REFERENCES doctor_locations (id, doctor_id)",
                f"ALTER TABLE {table} DROP CONSTRAINT {name}",
            )
            for table, name in TABLES.items()
        ),
    ]
