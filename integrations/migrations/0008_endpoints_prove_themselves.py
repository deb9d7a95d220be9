import base64
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import migrations, models
from django.db.models import Q

import registry.fields


def complete(apps, schema_editor):
    """Give each endpoint its key pair; those that are sent events today have proved themselves."""
    for endpoint in apps.get_model("integrations", "WebhookEndpoint").objects.all():
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        private = key.private_bytes_raw() + public
        endpoint.private_key = f"whsk_{base64.b64encode(private).decode()}"
        endpoint.public_key = f"whpk_{base64.b64encode(public).decode()}"
        endpoint.challenge = secrets.token_urlsafe(24)
        endpoint.verified_at = endpoint.created_at
        endpoint.save(update_fields=["private_key", "public_key", "challenge", "verified_at"])


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0007_clients"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="webhookendpoint",
            name="endpoint_status_known",
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="challenge",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="deleted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="private_key",
            field=registry.fields.EncryptedTextField(null=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="public_key",
            field=models.CharField(default="", max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="verified_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.RunPython(complete, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="private_key",
            field=registry.fields.EncryptedTextField(),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="status",
            field=models.CharField(
                choices=[
                    ("PENDING", "Waiting for the answer to its challenge"),
                    ("ENABLED", "Enabled"),
                    ("DISABLED", "Disabled"),
                    ("DELETED", "Deleted"),
                ],
                default="PENDING",
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=Q(status__in=["PENDING", "ENABLED", "DISABLED", "DELETED"]),
                name="endpoint_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=(Q(status="DELETED") & Q(deleted_at__isnull=False))
                | (~Q(status="DELETED") & ~Q(deleted_at__isnull=False)),
                name="endpoint_deleted_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=~Q(status="ENABLED") | Q(verified_at__isnull=False),
                name="endpoint_verified_before_events",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=~Q(status="PENDING") | Q(verified_at__isnull=True),
                name="endpoint_pending_until_verified",
            ),
        ),
    ]
