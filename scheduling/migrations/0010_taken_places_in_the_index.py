from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0009_holds_by_doctor")]

    operations = [
        migrations.RemoveIndex(model_name="appointment", name="appointment_by_doctor"),
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                fields=["doctor", "appointment_time"],
                include=[
                    "id",
                    "status",
                    "hold_expires_at",
                    "ends_at",
                    "local_date",
                    "location",
                    "lane",
                ],
                name="appointment_by_doctor",
            ),
        ),
    ]
