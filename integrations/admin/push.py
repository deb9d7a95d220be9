"""How far insurers' systems are in step: insurer by insurer, then pair by pair."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, QuerySet, URLField
from django.http import HttpRequest
from django.utils.timezone import now

from integrations.actions import drift, push
from integrations.admin.delivery import worst_first
from integrations.models import ProviderDoctorSync, ProviderPush
from integrations.monitor import PushProgress
from registry.admin import ReadOnlyAdmin
from registry.admin.base import AdminRequest

_DOCTOR = ("doctor__full_name", "doctor__email", "doctor__registration_number")
_INSURER = ("insurance_provider__name", "insurance_provider__slug")


@admin.register(ProviderPush)
class ProviderPushAdmin(ReadOnlyAdmin):
    """Each insurer that is pushed to: how far in step, its backfill, and its nightly check."""

    list_display = (
        "insurance_provider",
        "progress",
        "failing",
        "stopped",
        "oldest_due",
        "backfill",
        "check_result",
    )
    search_fields = _INSURER
    ordering = ("insurance_provider__name",)
    actions = ("try_failing_again", "send_all_again", "check_now")
    readonly_fields = ("progress", "failing", "stopped", "oldest_due", "backfill", "check_result")

    def get_queryset(self, request: HttpRequest) -> Any:
        found: Any = super().get_queryset(request)
        return found.with_progress().select_related("insurance_provider")

    @admin.display(description="In step")
    def progress(self, row: ProviderPush) -> str:
        found = PushProgress.of(row)
        return f"{found.in_step:,} of {found.doctors:,} doctors"

    @admin.display(description="Failing")
    def failing(self, row: ProviderPush) -> str:
        found = PushProgress.of(row)
        if found.failing_since is None:
            return "0"
        return f"{found.failing:,}, the first since {found.failing_since:%d %b %H:%M} UTC"

    @admin.display(description="Stopped")
    def stopped(self, row: ProviderPush) -> int:
        return PushProgress.of(row).stopped

    @admin.display(description="Oldest change that waits")
    def oldest_due(self, row: ProviderPush) -> str:
        found, at = PushProgress.of(row), now()
        return f"{found.overdue_seconds(at):.0f} s" if found.oldest_due else "none"

    @admin.display(description="Backfill")
    def backfill(self, row: ProviderPush) -> str:
        found = PushProgress.of(row)
        ends_at = found.backfill_ends_at(now())
        if ends_at is None:
            return "none"
        rate = found.insurer.backfill_per_minute
        until = f"until about {ends_at:%d %b %H:%M} UTC"
        return f"{found.to_backfill:,} to send, at most {rate:,} a minute, {until}"

    @admin.display(description="Nightly check")
    def check_result(self, row: ProviderPush) -> str:
        return PushProgress.of(row).check_in_words(now())

    @admin.action(description="Try what fails at the chosen again now")
    def try_failing_again(self, request: AdminRequest, queryset: QuerySet[ProviderPush]) -> None:
        count = _each(request, queryset, push.retry_insurer)
        messages.success(request, f"{count} will be sent again within seconds.")

    @admin.action(description="Send everything to the chosen again")
    def send_all_again(self, request: AdminRequest, queryset: QuerySet[ProviderPush]) -> None:
        count = _each(request, queryset, push.send_all_again)
        messages.success(request, f"{count} will be sent again, at the rate of a backfill.")

    @admin.action(description="Check now what the chosen hold")
    def check_now(self, request: AdminRequest, queryset: QuerySet[ProviderPush]) -> None:
        for row in queryset:
            drift.check_now(provider=row.insurance_provider, by=request.user, at=now())
        messages.success(request, f"{len(queryset)} will be checked within seconds.")


def _each(request: AdminRequest, chosen: QuerySet[ProviderPush], act: Callable[..., int]) -> int:
    """Do the same for each chosen insurer; give how many pairs that concerns."""
    rows = list(chosen)
    return sum(act(provider=row.insurance_provider, by=request.user, at=now()) for row in rows)


class _LastError(admin.SimpleListFilter):
    """The reasons for which something fails or was stopped just now."""

    title = "last error"
    parameter_name = "last_error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        failing = ProviderDoctorSync.objects.filter(sync_status__in=["FAILING", "STOPPED"])
        errors = failing.exclude(last_error="").order_by("last_error").values_list("last_error")
        return [(error, error) for (error,) in errors.distinct()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ProviderDoctorSync]
    ) -> QuerySet[ProviderDoctorSync]:
        return queryset.filter(last_error=self.value()) if self.value() else queryset


@admin.register(ProviderDoctorSync)
class ProviderDoctorSyncAdmin(ReadOnlyAdmin):
    """The sync monitor: what fails comes first, the longest failing on top."""

    list_display = (
        "insurance_provider",
        "doctor",
        "sync_status",
        "is_backfill",
        "last_error",
        "failing_since",
        "attempts",
        "changes_waiting",
        "next_attempt_at",
        "last_profile_sync",
        "last_availability_sync",
    )
    list_display_links = ("insurance_provider", "doctor")
    list_filter = (
        "sync_status",
        "is_backfill",
        "insurance_provider",
        "failing_since",
        _LastError,
    )
    list_select_related = ("insurance_provider", "doctor")
    search_fields = (*_DOCTOR, *_INSURER)
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    ordering = (
        worst_first("sync_status", "FAILING", "STOPPED", "PENDING"),
        F("failing_since").asc(nulls_last=True),
        "-updated_at",
    )
    actions = ("send_again",)

    @admin.display(description="Changes waiting")
    def changes_waiting(self, sync: ProviderDoctorSync) -> int:
        return sync.wanted - sync.sent

    @admin.action(description="Send the chosen again now")
    def send_again(self, request: AdminRequest, queryset: QuerySet[ProviderDoctorSync]) -> None:
        for sync in queryset:
            push.retry(sync=sync, by=request.user, at=now())
        messages.success(request, f"{len(queryset)} will be sent again within seconds.")
