"""What insurers come in with: keys and clients. And the answers that are kept for their retries."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import F, QuerySet, URLField
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.timezone import now

from integrations.actions import clients, keys
from integrations.admin.shown_once import ShownOnceAdmin
from integrations.forms import CredentialForm, PublicKeysForm
from integrations.models import ApiClient, ApiKey, IdempotencyRecord
from registry.actions import Refused
from registry.admin import ReadOnlyAdmin
from registry.admin.base import AdminRequest, page_of, stamp

_INSURER = ("insurance_provider__name", "insurance_provider__slug")


@admin.register(ApiKey)
class ApiKeyAdmin(ShownOnceAdmin):
    """Insurers' keys: a new one is shown once, any can be closed at once."""

    list_display = (
        "name",
        "insurance_provider",
        "last_four",
        "is_test",
        "expires_at",
        "revoked_at",
        "last_used_on",
        "last_used_ip",
    )
    list_filter = ("is_test", "insurance_provider")
    list_select_related = ("insurance_provider",)
    search_fields = ("name", "=last_four", *_INSURER)
    exclude = ("sha256",)
    ordering = (F("revoked_at").asc(nulls_first=True), "-created_at")
    actions = ("revoke_chosen",)
    form_class = CredentialForm
    button = "Issue a key"

    def issue(self, request: AdminRequest, form: Form) -> str | None:
        try:
            _, key = keys.issue(**_chosen(request, form))
        except Refused as refusal:
            form.add_error("provider", str(refusal))
            return None
        return key

    @admin.action(description="Revoke the chosen at once")
    def revoke_chosen(self, request: AdminRequest, queryset: QuerySet[ApiKey]) -> None:
        revoked = sum(_revoke(partial(keys.revoke, key=key, **stamp(request))) for key in queryset)
        messages.success(request, f"{revoked} revoked. They open nothing any more.")


@admin.register(ApiClient)
class ApiClientAdmin(ShownOnceAdmin):
    """Insurers' OAuth2 clients: a secret is shown once, keys take its place, any can be closed."""

    list_display = (
        "__str__",
        "insurance_provider",
        "id",
        "is_test",
        "signs",
        "expires_at",
        "revoked_at",
        "last_used_on",
        "last_used_ip",
    )
    list_filter = ("is_test", "insurance_provider")
    list_select_related = ("insurance_provider", "oauth")
    search_fields = ("oauth__name", "=id", *_INSURER)
    fields = (
        "insurance_provider",
        "client_name",
        "id",
        "is_test",
        "client_scopes",
        "api_version",
        "jwks",
        "jwks_url",
        "expires_at",
        "revoked_at",
        "revoked_by",
        "last_used_on",
        "last_used_ip",
    )
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    ordering = (F("revoked_at").asc(nulls_first=True), "-created_at")
    actions = ("revoke_chosen",)
    change_form_template = "admin/integrations/apiclient/change_form.html"
    form_class = CredentialForm
    button = "Register a client"

    def get_urls(self) -> list[URLPattern]:
        give_keys = self.admin_site.admin_view(self.give_keys)
        own = path("<uuid:row_id>/keys/", give_keys, name="integrations_apiclient_keys")
        return [own, *super().get_urls()]

    @admin.display(description="Name")
    def client_name(self, client: ApiClient) -> str:
        return str(client)

    @admin.display(description="Scopes")
    def client_scopes(self, client: ApiClient) -> str:
        return ", ".join(client.oauth.get_scopes())

    @admin.display(description="Signs", boolean=True)
    def signs(self, client: ApiClient) -> bool:
        return client.signs

    def issue(self, request: AdminRequest, form: Form) -> str | None:
        try:
            client, secret = clients.register(**_chosen(request, form))
        except Refused as refusal:
            form.add_error("provider", str(refusal))
            return None
        return f"client_id={client.pk}\nclient_secret={secret}"

    def give_keys(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        client = self.row_or_404(request, row_id)
        form = PublicKeysForm(request.POST if request.method == "POST" else None)
        if form.is_valid() and _give_keys(request, client, form):
            return redirect(page_of(client))
        return self.ask(
            request,
            form,
            about=client,
            title=f"Public keys of {client}",
            button="Take these keys, and no secret any more",
            back=page_of(client),
        )

    @admin.action(description="Revoke the chosen at once")
    def revoke_chosen(self, request: AdminRequest, queryset: QuerySet[ApiClient]) -> None:
        revoked = sum(
            _revoke(partial(clients.revoke, client=client, **stamp(request))) for client in queryset
        )
        messages.success(request, f"{revoked} revoked. Their tokens open nothing any more.")


def _chosen(request: AdminRequest, form: Form) -> dict[str, Any]:
    chosen, at = form.cleaned_data, now()
    return {
        "provider": chosen["provider"],
        "name": chosen["name"],
        "scopes": chosen["scopes"],
        "expires_at": at + timedelta(days=chosen["days"]),
        "is_test": chosen["provider"].sees_sandbox,
        "by": request.user,
        "at": at,
    }


def _give_keys(request: AdminRequest, client: ApiClient, form: Form) -> bool:
    try:
        clients.give_keys(client=client, **form.cleaned_data, **stamp(request))
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return False
    messages.success(request, f"{client} signs from now on. Its secret opens nothing any more.")
    return True


def _revoke(revoke: Callable[[], object]) -> bool:
    try:
        revoke()
    except keys.AlreadyRevoked:
        return False
    return True


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """Kept answers; their bodies can hold what concerns patients, so they are not shown."""

    list_display = ("created_at", "insurance_provider", "method", "route", "status_code")
    list_filter = ("insurance_provider", "method", "status_code")
    list_select_related = ("insurance_provider",)
    search_fields = ("=key",)
    exclude = ("body", "fingerprint")
    ordering = ("-id",)
