from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0010_what_a_search_asks"),
    ]

    operations = [
        migrations.AddField(
            model_name="auditlog",
            name="doctor",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=models.PROTECT,
                related_name="+",
                to="registry.doctor",
            ),
        ),
        migrations.AddIndex(
            model_name="auditlog",
            index=models.Index(
                condition=models.Q(("doctor__isnull", False)),
                fields=["doctor", "-timestamp", "-id"],
                name="audit_by_doctor",
            ),
        ),
    ]
