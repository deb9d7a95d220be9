"""Insurers with what is known of their systems: whether they passed, and what brought them live."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from integrations.actions import conformance
from integrations.conformance import CHECKS
from integrations.forms import LiveForm, StatusForm
from integrations.models import ConformanceRun
from registry import actions
from registry.admin import InsuranceProviderAdmin, ReadOnlyAdmin
from registry.admin.base import AdminRequest, page_of, stamp, tell
from registry.models import InsuranceProvider

_RUNS_SHOWN = 5
_Status = InsuranceProvider.Status


@admin.register(InsuranceProvider)
class InsurerAdmin(InsuranceProviderAdmin):
    """Insurers' master data, the checks of their systems, and where they stand."""

    change_form_template = "admin/integrations/insurer/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<uuid:row_id>/check/", wrap(self.check_system), name="insurer_check"),
            path("<uuid:row_id>/live/", wrap(self.bring_live), name="insurer_live"),
            path(
                "<uuid:row_id>/suspend/",
                wrap(self.change_status),
                {"status": _Status.SUSPENDED},
                name="insurer_suspend",
            ),
            path(
                "<uuid:row_id>/sandbox/",
                wrap(self.change_status),
                {"status": _Status.SANDBOX},
                name="insurer_sandbox",
            ),
        ]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        provider = self.get_object(request, unquote(object_id))
        standing = {} if provider is None else _standing(provider)
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **standing}
        )

    @method_decorator(require_POST)
    def check_system(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        provider = self.row_or_404(request, row_id)
        run = partial(conformance.ask, provider=provider, **stamp(request))
        tell(request, run, done="The checks begin within seconds and take about a minute.")
        return redirect(page_of(provider))

    def bring_live(self, request: AdminRequest, row_id: UUID) -> HttpResponse:
        provider = self.row_or_404(request, row_id)
        form = LiveForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            given = form.cleaned_data | stamp(request)
            try:
                conformance.bring_live(provider=provider, **given)
            except conformance.NotYetLive as refusal:
                form.add_error("reason", str(refusal))
            except actions.Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                tell(request, lambda: None, done=f"{provider} is live and sees real doctors.")
                return redirect(page_of(provider))
        title = f"Bring {provider} live"
        back = page_of(provider)
        return self.ask(request, form, about=provider, title=title, button="Bring live", back=back)

    def change_status(self, request: AdminRequest, row_id: UUID, status: str) -> HttpResponse:
        provider = self.row_or_404(request, row_id)
        form = StatusForm(request.POST if request.method == "POST" else None)
        title, button, done = _WORDS[status]
        if form.is_valid():
            given = form.cleaned_data | stamp(request)
            run = partial(actions.change_status, provider=provider, status=status, **given)
            tell(request, run, done=done.format(provider))
            return redirect(page_of(provider))
        title, back = title.format(provider), page_of(provider)
        return self.ask(request, form, about=provider, title=title, button=button, back=back)


_WORDS: dict[str, tuple[str, str, str]] = {
    _Status.SUSPENDED: ("Suspend {}", "Suspend", "{} is suspended and sees nobody."),
    _Status.SANDBOX: (
        "Send {} back to the sandbox",
        "Send back",
        "{} is in the sandbox and sees synthetic doctors alone.",
    ),
}


def _standing(provider: InsuranceProvider) -> dict[str, Any]:
    runs = ConformanceRun.objects.filter(insurance_provider=provider).order_by("-asked_at")
    return {
        "runs": runs[:_RUNS_SHOWN],
        "vouching": ConformanceRun.objects.vouching_for(provider, at=now()).first(),
        "number_of_checks": len(CHECKS),
    }


@admin.register(ConformanceRun)
class ConformanceRunAdmin(ReadOnlyAdmin):
    """Every going-through of the checks, the last one first."""

    list_display = ("insurance_provider", "status", "asked_at", "finished_at", "asked_by")
    list_filter = ("status", "insurance_provider")
    list_select_related = ("insurance_provider", "asked_by")
    ordering = ("-asked_at",)
    fields = (
        "insurance_provider",
        "status",
        "webhook_url",
        "api_base_url",
        "docport_version",
        "asked_at",
        "asked_by",
        "finished_at",
    )
    change_form_template = "admin/integrations/conformancerun/change_form.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "number_of_checks": len(CHECKS)}
        return super().change_view(request, object_id, form_url, context)
