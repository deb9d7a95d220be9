import django.db.models.deletion
from django.db import migrations, models

import scheduling.models.openings

# What the search asks of the doctor and the place stands in its rows, so that one index finds
# them; whoever changes it there need not know. Where a date begins moves with the zone: the days
# go, and the task that covers the days to come makes them anew.
FOLLOW = migrations.RunSQL(
    """
    CREATE FUNCTION open_days_follow_doctor() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE open_days SET specialization = NEW.specialization WHERE doctor_id = NEW.id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER open_days_follow_doctor
        AFTER UPDATE OF specialization ON doctors
        FOR EACH ROW WHEN (OLD.specialization <> NEW.specialization)
        EXECUTE FUNCTION open_days_follow_doctor();
    CREATE FUNCTION open_days_follow_city() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE open_days SET city = upper(NEW.city)
            WHERE doctor_id = NEW.doctor_id AND location_id = NEW.id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER open_days_follow_city
        AFTER UPDATE OF city ON doctor_locations
        FOR EACH ROW WHEN (OLD.city <> NEW.city)
        EXECUTE FUNCTION open_days_follow_city();
    CREATE FUNCTION open_days_begin_anew() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM open_day_heads WHERE doctor_id = NEW.doctor_id;
        DELETE FROM open_days WHERE doctor_id = NEW.doctor_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER open_days_begin_anew
        AFTER UPDATE OF timezone ON doctor_locations
        FOR EACH ROW WHEN (OLD.timezone <> NEW.timezone)
        EXECUTE FUNCTION open_days_begin_anew()
    """,
    """
    DROP TRIGGER open_days_begin_anew ON doctor_locations;
    DROP TRIGGER open_days_follow_city ON doctor_locations;
    DROP TRIGGER open_days_follow_doctor ON doctors;
    DROP FUNCTION open_days_begin_anew();
    DROP FUNCTION open_days_follow_city();
    DROP FUNCTION open_days_follow_doctor()
    """,
)

# The bits of an open day count whole minutes.
ON_THE_MINUTE = migrations.RunSQL(
    """
    UPDATE doctor_availability SET start_time = date_trunc('minute', start_time::interval)::time
        WHERE date_trunc('minute', start_time::interval) <> start_time::interval;
    UPDATE availability_exceptions SET starts_at = date_trunc('minute', starts_at, 'UTC')
        WHERE kind = 'EXTRA' AND date_trunc('minute', starts_at, 'UTC') <> starts_at;
    SET CONSTRAINTS ALL IMMEDIATE;
    ALTER TABLE doctor_availability ADD CONSTRAINT availability_starts_on_the_minute
        CHECK (date_trunc('minute', start_time::interval) = start_time::interval);
    ALTER TABLE availability_exceptions ADD CONSTRAINT exception_extra_starts_on_the_minute
        CHECK (kind <> 'EXTRA' OR date_trunc('minute', starts_at, 'UTC') = starts_at)
    """,
    """
    ALTER TABLE doctor_availability DROP CONSTRAINT availability_starts_on_the_minute;
    ALTER TABLE availability_exceptions DROP CONSTRAINT exception_extra_starts_on_the_minute
    """,
)


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_name_hpr_id"),
        ("scheduling", "0003_hours_both_ways"),
    ]

    operations = [
        migrations.CreateModel(
            name="OpenDayHead",
            fields=[
                (
                    "doctor",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="registry.doctor",
                    ),
                ),
                ("covers_from", models.DateField()),
                ("covers_to", models.DateField()),
            ],
            options={
                "db_table": "open_day_heads",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("covers_from__lte", models.F("covers_to"))),
                        name="open_day_head_covers_days",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OpenDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "doctor_id",
                        "local_date",
                        "location_id",
                        "mode",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("local_date", models.DateField()),
                (
                    "mode",
                    models.CharField(
                        choices=[("IN_PERSON", "In person"), ("TELE", "By video or phone")],
                        max_length=9,
                    ),
                ),
                ("first_free_at", models.DateTimeField()),
                ("last_free_at", models.DateTimeField()),
                ("free", models.PositiveIntegerField()),
                ("step_minutes", models.PositiveSmallIntegerField()),
                ("starts", scheduling.models.openings.BitsField()),
                ("specialization", models.CharField(max_length=32)),
                ("city", models.CharField(max_length=80)),
                (
                    "doctor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.doctor",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.doctorlocation",
                    ),
                ),
            ],
            options={
                "db_table": "open_days",
                "indexes": [
                    models.Index(
                        fields=["specialization", "city", "first_free_at", "doctor"],
                        name="open_day_by_city",
                    ),
                    models.Index(
                        fields=["specialization", "first_free_at", "doctor"],
                        name="open_day_by_specialization",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("first_free_at__lte", models.F("last_free_at"))),
                        name="open_day_begins_before_its_last",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("free__gte", 1)), name="open_day_has_a_free_place"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("step_minutes__gte", 1)), name="open_day_steps_forward"
                    ),
                ],
            },
        ),
        FOLLOW,
        ON_THE_MINUTE,
    ]
