from typing import Any

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_protect

from registry import actions
from registry.admin.base import AdminRequest, ReadOnlyAdmin
from registry.models import InsuranceProvider

_HELP_TEXTS = {
    "api_base_url": "Where doctors are pushed to. Webhooks go elsewhere: add their addresses, and "
    "the secrets that sign pushes too, under Webhook endpoints.",
}


class InsuranceProviderAdmin(ReadOnlyAdmin):
    """Insurers' master data, the one table that is edited here.

    `integrations` registers it, with what it knows of their systems.
    """

    list_display = ("name", "slug", "integration_status", "api_base_url", "contact_email")
    list_filter = ("integration_status",)
    search_fields = ("name", "slug", "contact_name", "contact_email")
    prepopulated_fields = {"slug": ("name",)}
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    # Events go to the webhook endpoints, which have a list and secrets of their own.
    exclude = ("webhook_url",)
    # One action owns each change of it.
    readonly_fields = ("integration_status",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def get_form(self, *args: Any, **kwargs: Any) -> Any:
        return super().get_form(*args, **kwargs, help_texts=_HELP_TEXTS)

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Handle the form without Django's transaction around it: our action has its own."""
        response: HttpResponse = self._changeform_view(  # type: ignore[attr-defined]  # Not in stubs.
            request, object_id, form_url, extra_context
        )
        return response

    def save_model(
        self,
        request: AdminRequest,  # type: ignore[override]  # The site lets nobody else in.
        obj: InsuranceProvider,
        form: Any,
        change: bool,  # noqa: FBT001  Django's signature.
    ) -> None:
        actions.save_provider(provider=obj, by=request.user, at=now())

    def log_addition(self, *_: Any) -> None:  # type: ignore[override]  # Nobody reads an answer.
        """Leave it to the audit log."""

    def log_change(self, *_: Any) -> None:  # type: ignore[override]  # Nobody reads an answer.
        """Leave it to the audit log."""
