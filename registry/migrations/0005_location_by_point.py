from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_name_hpr_id"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="doctorlocation",
            index=models.Index(fields=["latitude", "longitude"], name="location_by_point"),
        ),
    ]
