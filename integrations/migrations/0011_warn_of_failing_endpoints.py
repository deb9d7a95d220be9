from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0010_attempts_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhookendpoint",
            name="warned_percent",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="warn_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
