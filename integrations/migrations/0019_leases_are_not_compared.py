import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0018_leases_apart"),
    ]

    operations = [
        migrations.AlterField(
            model_name="webhooklease",
            name="delivery",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                related_name="+",
                serialize=False,
                to="integrations.webhookdelivery",
            ),
        ),
    ]
