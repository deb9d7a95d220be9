from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_phone_of_receptionists"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="doctorcredential",
            index=models.Index(
                condition=models.Q(
                    ("kind", "REGISTRATION"),
                    ("replaced_by", None),
                    ("valid_until__isnull", False),
                    ("verified", True),
                ),
                fields=["doctor", "valid_until"],
                name="registration_by_end",
            ),
        ),
        migrations.AddIndex(
            model_name="doctorlocation",
            index=models.Index(
                condition=models.Q(("is_active", False)), fields=["id"], name="location_not_in_use"
            ),
        ),
    ]
