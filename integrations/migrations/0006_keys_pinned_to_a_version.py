from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0005_one_index_for_each_question"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="api_version",
            field=models.CharField(default="2026-11-01", max_length=10),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("api_version__regex", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")),
                name="api_key_version_is_a_date",
            ),
        ),
    ]
