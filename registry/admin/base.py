from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timezone import now

from registry import actions
from registry.forms import SeenForm
from registry.models import User

UNPROCESSABLE = 422


class AdminRequest(HttpRequest):
    """A request that the admin site let in."""

    user: User


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument.
    """Show rows and offer our actions; what changes a row stands in `actions`."""

    show_full_result_count = False
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        found = reverse("admin:registry_auditlog_changelist")
        return redirect(f"{found}?{urlencode({'q': object_id})}")

    def response_action(self, request: HttpRequest, *given: Any, **named: Any) -> Any:
        """Run an action on the rows that were chosen; an id that is none chooses nothing."""
        try:
            return super().response_action(request, *given, **named)
        except ValidationError:
            messages.error(request, "Choose rows from the list.")
            return redirect(request.get_full_path())

    def row_or_404(self, request: HttpRequest, row_id: UUID) -> Any:
        row = self.get_object(request, str(row_id))
        if row is None:
            raise Http404
        return row

    def ask(
        self,
        request: AdminRequest,
        form: Form,
        *,
        about: models.Model,
        title: str,
        button: str,
        back: str,
    ) -> TemplateResponse:
        """Ask for what an action needs before it runs; errors answer 422, with all filled in."""
        context = {
            **self.admin_site.each_context(request),
            "opts": about._meta,
            "title": title,
            "about": about,
            "form": form,
            "button": button,
            "back": back,
        }
        status = UNPROCESSABLE if form.errors else None
        return TemplateResponse(request, "admin/registry/ask.html", context, status=status)


def tell(request: HttpRequest, run: Callable[[], object], *, done: str) -> bool:
    """Run an action and say what came of it; a refusal changed nothing."""
    try:
        run()
    except actions.Refused as refusal:
        messages.error(request, str(refusal))
        return False
    messages.success(request, done)
    return True


def stamp(request: AdminRequest) -> dict[str, Any]:
    """Give what every action is told: who, and when."""
    return {"by": request.user, "at": now()}


def seen_version(request: AdminRequest) -> int:
    """Give the version that the page of this decision showed; 0, which none has, without one."""
    form = SeenForm(request.POST)
    version: int = form.cleaned_data["version"] if form.is_valid() else 0
    return version


def page_of(row: models.Model) -> str:
    """Give the address of a row's admin page."""
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
