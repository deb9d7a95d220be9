import uuid
from datetime import datetime

from allauth.idp.oidc.models import Client
from django.db import models
from django.db.models import Q

from integrations.models.access import dated_version
from registry.constraints import both_or_neither
from registry.ids import uuid7
from registry.models import InsuranceProvider, Timestamped, User


class ApiClient(Timestamped):
    """An insurer's system that gets access tokens; allauth keeps its secret, scopes and tokens."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Its id there is the text of ours.
    oauth = models.OneToOneField(Client, on_delete=models.PROTECT, related_name="+")
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+"
    )
    is_test = models.BooleanField()
    api_version = models.CharField(max_length=10)
    jwks = models.JSONField("public keys (JWKS)", null=True, blank=True)
    jwks_url = models.URLField("address of the public keys", blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    last_used_on = models.DateField(null=True, blank=True)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        db_table = "api_clients"
        verbose_name = "API client"
        ordering = ["insurance_provider", "-created_at"]
        constraints = [
            both_or_neither("revoked_at", "revoked_by", name="api_client_revoked_pair"),
            dated_version("api_version", name="api_client_version_is_a_date"),
            models.CheckConstraint(
                condition=Q(jwks__isnull=True) | Q(jwks_url=""),
                name="api_client_keys_from_one_place",
            ),
        ]

    def __str__(self) -> str:
        return str(self.oauth.name)

    @property
    def signs(self) -> bool:
        """Tell whether it shows signed assertions; then no secret is taken from it."""
        return self.jwks is not None or bool(self.jwks_url)

    def is_usable_at(self, at: datetime) -> bool:
        """Tell whether it may show what it has at the aware instant `at`."""
        return self.revoked_at is None and at < self.expires_at


class SpentAssertion(models.Model):
    """A signed assertion that a client has shown, kept for as long as it could be shown again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(
        ApiClient, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    jti = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "spent_assertions"
        constraints = [
            models.UniqueConstraint(fields=["client", "jti"], name="assertion_spent_once"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="assertion_by_expiry")]

    def __str__(self) -> str:
        return self.jti
