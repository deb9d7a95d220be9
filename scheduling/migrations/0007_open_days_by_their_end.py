from django.db import migrations, models

CITY = ["specialization", "city", "first_free_at", "doctor", "last_free_at"]
SPECIALIZATION = ["specialization", "first_free_at", "doctor", "last_free_at"]


class Migration(migrations.Migration):
    """A search passes by the days that are over without reading their rows."""

    dependencies = [("scheduling", "0006_at_one_place")]

    operations = [
        migrations.RemoveIndex(model_name="openday", name="open_day_by_city"),
        migrations.RemoveIndex(model_name="openday", name="open_day_by_specialization"),
        migrations.AddIndex(
            model_name="openday",
            index=models.Index(fields=CITY, name="open_day_by_city"),
        ),
        migrations.AddIndex(
            model_name="openday",
            index=models.Index(fields=SPECIALIZATION, name="open_day_by_specialization"),
        ),
    ]
