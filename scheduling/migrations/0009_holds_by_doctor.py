from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0008_places_keep_their_zone")]

    operations = [
        migrations.AddIndex(
            model_name="appointment",
            index=models.Index(
                condition=models.Q(("status", "HELD")),
                fields=["doctor", "hold_expires_at"],
                name="hold_by_doctor",
            ),
        ),
    ]
