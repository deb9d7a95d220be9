from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST, require_safe

from registry import actions
from registry.admin.base import AdminRequest, ReadOnlyAdmin, page_of, seen_version, stamp, tell
from registry.forms import ReasonForm
from registry.http import certificate_response
from registry.models import DoctorCredential


@admin.register(DoctorCredential)
class DoctorCredentialAdmin(ReadOnlyAdmin):
    """Papers of all doctors; one by one they are checked on the doctor's page."""

    list_display = ("degree", "institution", "year", "doctor", "kind", "status", "created_at")
    list_filter = ("status", "kind")
    list_select_related = ("doctor",)
    search_fields = ("degree", "institution", "doctor__full_name", "doctor__registration_number")
    ordering = ("created_at",)
    actions = ("ask_for_change_of_chosen",)
    exclude = ("certificate",)
    change_form_template = "admin/registry/doctorcredential/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<uuid:row_id>/file/", wrap(self.open_file), name="registry_credential_file"),
            path("<uuid:row_id>/verify/", wrap(self.verify), name="registry_credential_verify"),
            path(
                "<uuid:row_id>/ask/", wrap(self.ask_for_change), name="registry_credential_change"
            ),
        ]
        return own + super().get_urls()

    @method_decorator(require_safe)
    def open_file(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        credential = self.row_or_404(request, row_id)
        response = certificate_response(credential)
        actions.record_opening(credential=credential, **stamp(request))
        return response

    @method_decorator(require_POST)
    def verify(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        credential = self.row_or_404(request, row_id)
        run = partial(
            actions.verify_credential,
            credential=credential,
            seen_version=seen_version(request),
            **stamp(request),
        )
        tell(request, run, done=f"“{credential}” is verified.")
        return redirect(page_of(credential.doctor))

    def ask_for_change(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        credential = self.row_or_404(request, row_id)
        back = page_of(credential.doctor)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            run = partial(
                actions.ask_for_change, credential=credential, **form.cleaned_data, **stamp(request)
            )
            tell(request, run, done=f"The doctor is asked to change “{credential}”.")
            return redirect(back)
        title = f"Ask for a change of “{credential}”"
        return self.ask(
            request, form, about=credential, title=title, button="Ask for a change", back=back
        )

    @admin.action(description="Ask for a change of one chosen certificate …")
    def ask_for_change_of_chosen(self, request: AdminRequest, queryset: Any) -> HttpResponse | None:
        if len(queryset) != 1:
            messages.error(request, "Choose one certificate: each change needs its own reason.")
            return None
        return redirect("admin:registry_credential_change", queryset[0].pk)
