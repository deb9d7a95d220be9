from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.timezone import now

from consent.models import Consent, ConsentEvent, ConsentMail, ConsentRequest
from registry.admin import ReadOnlyAdmin

WHO = (
    "doctor__full_name",
    "doctor__email",
    "doctor__registration_number",
    "insurance_provider__name",
)


class ErasureFilter(admin.SimpleListFilter):
    """How far insurers are with erasing what ended consents had shown them."""

    title = "erasure"
    parameter_name = "erasure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", "Overdue"), ("to_do", "Still to be done"), ("done", "Done")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "overdue":
            return queryset.overdue_at(now())
        if self.value() == "to_do":
            return queryset.filter(erase_by__isnull=False, erased_at=None)
        return queryset.filter(erased_at__isnull=False) if self.value() == "done" else queryset


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """Which insurer may see which doctor, and what."""

    list_display = (
        "doctor",
        "insurance_provider",
        "consent_status",
        "shares",
        "granted_at",
        "expires_at",
        "revoked_at",
        "erase_by",
        "erasure_acknowledged_at",
        "erased_at",
    )
    list_filter = (
        ErasureFilter,
        "consent_status",
        ("asked_again_at", admin.EmptyFieldListFilter),
        "insurance_provider",
    )
    list_select_related = ("doctor", "insurance_provider")
    search_fields = WHO
    ordering = ("-updated_at",)

    @admin.display(description="Shares")
    def shares(self, consent: Consent) -> str:
        return ", ".join(consent.data_classes)


@admin.register(ConsentRequest)
class ConsentRequestAdmin(ReadOnlyAdmin):
    """Which insurer asked whom, what for, and the answer, which the insurer is not told."""

    list_display = (
        "registration_number",
        "insurance_provider",
        "asked_at",
        "answer_by",
        "answer",
        "answered_at",
        "doctor",
    )
    list_filter = ("answer", "insurance_provider")
    list_select_related = ("insurance_provider", "doctor")
    search_fields = ("registration_number", *WHO)
    ordering = ("-asked_at",)


@admin.register(ConsentMail)
class ConsentMailAdmin(ReadOnlyAdmin):
    """Which mails doctors were sent, or are owed."""

    list_display = ("kind", "insurer", "status", "attempts", "next_attempt_at", "sent_at")
    list_filter = ("status", "kind")
    list_select_related = ("request__insurance_provider", "consent__insurance_provider")
    ordering = ("-id",)

    @admin.display(description="Insurer")
    def insurer(self, mail: ConsentMail) -> Any:
        return mail.about.insurance_provider


@admin.register(ConsentEvent)
class ConsentEventAdmin(ReadOnlyAdmin):
    """Every step of every consent, with its signed receipt."""

    list_display = ("receipt_number", "at", "kind", "doctor", "insurer", "version", "by")
    list_filter = ("kind",)
    list_select_related = (
        "consent__doctor",
        "consent__insurance_provider",
        "request__doctor",
        "request__insurance_provider",
        "by",
    )
    search_fields = (
        "=id",
        "=receipt_sha256",
        *(f"{about}__{field}" for about in ("consent", "request") for field in WHO),
    )
    ordering = ("-id",)

    @admin.display(description="Doctor")
    def doctor(self, event: ConsentEvent) -> Any:
        return event.about.doctor

    @admin.display(description="Insurer")
    def insurer(self, event: ConsentEvent) -> Any:
        return event.about.insurance_provider
