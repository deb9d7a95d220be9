from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Case, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from guardian.shortcuts import get_user_perms

from registry import actions
from registry.admin.base import AdminRequest, ReadOnlyAdmin, page_of, seen_version, stamp, tell
from registry.forms import ReasonForm, ReceptionistForm
from registry.models import Doctor, DoctorCredential, DoctorLocation, User

_RIGHTS = dict(Doctor._meta.permissions)


@admin.register(Doctor)
class DoctorAdmin(ReadOnlyAdmin):
    """The queue of doctors to check, the longest waiting first, then everybody else."""

    list_display = (
        "full_name",
        "email",
        "registration_number",
        "specialization",
        "status",
        "attested_at",
        "is_sandbox",
    )
    list_display_links = ("full_name", "email")
    list_filter = ("status", "specialization", "is_sandbox")
    search_fields = ("full_name", "email", "phone", "registration_number", "hpr_id")
    ordering = (
        Case(When(status=Doctor.Status.SUBMITTED, then=Value(0)), default=Value(1)),
        "attested_at",
        "created_at",
    )
    actions = ("suspend_chosen", "delegate_chosen")
    fieldsets = (
        (None, {"fields": ("full_name", "email", "phone", "status", "attested_at")}),
        (
            "Registration",
            {"fields": ("registration_council", "registration_number", "hpr_id")},
        ),
        (
            "Practice",
            {
                "fields": (
                    "specialization",
                    "languages",
                    "years_of_experience",
                    "fee",
                    "timezone",
                    "is_sandbox",
                    "version",
                    "created_at",
                    "updated_at",
                )
            },
        ),
    )
    readonly_fields = ("created_at", "updated_at")
    change_form_template = "admin/registry/doctor/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<uuid:row_id>/activate/", wrap(self.activate), name="registry_doctor_activate"),
            path("<uuid:row_id>/suspend/", wrap(self.suspend), name="registry_doctor_suspend"),
            path("<uuid:row_id>/delegate/", wrap(self.delegate), name="registry_doctor_delegate"),
        ]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        doctor = self.get_object(request, unquote(object_id))
        record = {} if doctor is None else _record_of(doctor)
        context = {**(extra_context or {}), **record}
        return super().change_view(request, object_id, form_url, context)

    @method_decorator(require_POST)
    def activate(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        doctor = self.row_or_404(request, row_id)
        run = partial(
            actions.activate, doctor=doctor, seen_version=seen_version(request), **stamp(request)
        )
        tell(request, run, done=f"{doctor} is active and can now opt in to insurers.")
        return redirect(page_of(doctor))

    def suspend(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        doctor = self.row_or_404(request, row_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            run = partial(actions.suspend, doctor=doctor, **form.cleaned_data, **stamp(request))
            tell(request, run, done=f"{doctor} is suspended. No insurer sees them any more.")
            return redirect(page_of(doctor))
        title = f"Suspend {doctor}"
        return self.ask(
            request, form, about=doctor, title=title, button="Suspend", back=page_of(doctor)
        )

    def delegate(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        doctor = self.row_or_404(request, row_id)
        posted = request.POST if request.method == "POST" else None
        form = ReceptionistForm(posted, initial={"permissions": list(_RIGHTS)})
        if form.is_valid():
            run = partial(actions.delegate, doctor=doctor, **form.cleaned_data, **stamp(request))
            done = (
                f"Receptionist {form.cleaned_data['email']} may now work for {doctor}. A new one "
                "first sets a password through “Forgot your password?” on the sign-in page."
            )
            tell(request, run, done=done)
            return redirect(page_of(doctor))
        title = f"Add a receptionist of {doctor}"
        return self.ask(
            request, form, about=doctor, title=title, button="Save", back=page_of(doctor)
        )

    @admin.action(description="Suspend one chosen doctor …")
    def suspend_chosen(self, request: AdminRequest, queryset: Any) -> HttpResponse | None:
        return _page_of_one(request, queryset, "admin:registry_doctor_suspend")

    @admin.action(description="Add a receptionist of one chosen doctor …")
    def delegate_chosen(self, request: AdminRequest, queryset: Any) -> HttpResponse | None:
        return _page_of_one(request, queryset, "admin:registry_doctor_delegate")


def _page_of_one(request: AdminRequest, queryset: Any, name: str) -> HttpResponse | None:
    if len(queryset) != 1:
        messages.error(request, "Choose one doctor.")
        return None
    return redirect(name, queryset[0].pk)


def _record_of(doctor: Doctor) -> dict[str, Any]:
    receptionists = User.objects.filter(doctor=doctor, role=User.Role.DELEGATE)
    return {
        "credentials": DoctorCredential.objects.filter(doctor=doctor).select_related("verified_by"),
        "places": DoctorLocation.objects.filter(doctor=doctor),
        "receptionists": [(person, _rights(person, doctor)) for person in receptionists],
    }


def _rights(person: User, doctor: Doctor) -> list[str]:
    return [_RIGHTS[held] for held in sorted(get_user_perms(person, doctor))]
