import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

FILL = """
    UPDATE webhook_deliveries AS delivery SET event_type = event.type
    FROM feed_entries AS entry JOIN outbox_events AS event ON event.id = entry.event_id
    WHERE entry.id = delivery.feed_entry_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0008_endpoints_prove_themselves"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="webhookdelivery",
            options={
                "ordering": ["created_at", "id"],
                "verbose_name_plural": "webhook deliveries",
            },
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="event_type",
            field=models.CharField(default="", max_length=40),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.webhookendpoint",
            ),
        ),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="feed_entry",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="integrations.feedentry",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "created_at", "id"], name="delivery_by_time"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=Q(status__in=["PARKED", "WITHHELD"]),
                fields=["endpoint", "created_at", "id"],
                name="delivery_given_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=Q(feed_entry__isnull=False)
                | Q(event_type__in=["ping", "endpoint.challenge"]),
                name="delivery_of_an_event_or_our_own",
            ),
        ),
    ]
