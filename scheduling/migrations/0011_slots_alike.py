from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0010_taken_places_in_the_index")]

    operations = [
        migrations.AddField(
            model_name="openday",
            name="slot_minutes",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="openday",
            name="capacity",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="openday",
            constraint=models.CheckConstraint(
                condition=models.Q(("capacity__isnull", True), ("slot_minutes__isnull", True))
                | models.Q(("capacity__isnull", False), ("slot_minutes__isnull", False)),
                name="open_day_slots_alike",
            ),
        ),
    ]
