"""Check an insurer's system, keep what came of it, and bring the insurer live by it.

A run is a row with a lease: what a killed worker had begun is begun anew when the lease ends.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from integrations import conformance
from integrations.actions.webhooks import secrets_in_force
from integrations.models import ConformanceRun, WebhookEndpoint
from integrations.outgoing import Session
from registry import ledger
from registry.actions import Refused
from registry.models import InsuranceProvider, User

# Longer than any one check takes, with its messages and their second and third tries.
LEASE = timedelta(minutes=10)
_BROKEN = conformance.Result(
    name="run",
    outcome="failed",
    expected="DocPort goes through all checks.",
    happened="DocPort itself broke off. The fault is not the insurer's.",
    fix="See the log for conformance_broke, and run the checks again.",
)

log = structlog.get_logger(__name__)


class NothingToCheck(Refused):
    """The insurer has no webhook endpoint; nothing was changed."""


class UnderWay(Refused):
    """The insurer's system is being checked already; nothing was changed."""


class NotYetLive(Refused):
    """No pass vouches for the insurer's system and no reason was given; nothing was changed."""


class AlreadyLive(Refused):
    """The insurer is live; nothing was changed."""


@transaction.atomic(durable=True)
def ask(*, provider: InsuranceProvider, by: User | None, at: datetime) -> ConformanceRun:
    """Have an insurer's system checked, with the endpoint that signs its pushes.

    Raises:
        NothingToCheck: nothing was changed.
        UnderWay: nothing was changed.
    """
    standing = InsuranceProvider.objects.select_for_update().get(pk=provider.pk)
    endpoint = WebhookEndpoint.objects.signing_for(standing)
    if endpoint is None:
        raise NothingToCheck("Add a webhook endpoint first: its secret signs what is sent.")
    waiting = ConformanceRun.objects.filter(status=ConformanceRun.Status.WAITING)
    if waiting.filter(insurance_provider=standing).exists():
        raise UnderWay("The checks are under way already.")
    run = ConformanceRun.objects.create(
        insurance_provider=standing,
        webhook_url=endpoint.url,
        api_base_url=standing.api_base_url,
        docport_version=settings.DOCPORT_VERSION,
        asked_by=by,
        asked_at=at,
    )
    ledger.record("conformance.asked", subject=standing, by=by, at=at, run=str(run.pk))
    return run


def carry_out_next(
    *, session: Session, clock: Callable[[], datetime], run: ConformanceRun | None = None
) -> ConformanceRun | None:
    """Go through the checks of the run that has waited longest; `None` where none waits.

    Args:
        session: one of `outgoing.new_session`.
        run: the one run to take, if nobody has it.
    """
    leased = _lease(run, clock())
    if leased is None:
        return None
    endpoints = WebhookEndpoint.objects.standing().filter(url=leased.webhook_url)
    endpoint = endpoints.filter(insurance_provider=leased.insurance_provider).first()
    sandbox = conformance.Sandbox(
        leased.webhook_url,
        conformance.Keys(secrets_in_force(endpoint, at=clock()) if endpoint else []),
        session,
        clock,
        api_base_url=leased.api_base_url,
    )
    results: list[conformance.Result] = []
    try:
        for result in conformance.run(sandbox):
            results.append(result)
            _note(leased, results, clock())
    except Exception:
        log.exception("conformance_broke", run=str(leased.pk))
        results.append(_BROKEN)
    return _finish(leased, results, clock())


@transaction.atomic(durable=True)
def _lease(run: ConformanceRun | None, at: datetime) -> ConformanceRun | None:
    unheld = Q(lease_until=None) | Q(lease_until__lte=at)
    waiting = ConformanceRun.objects.filter(unheld, status=ConformanceRun.Status.WAITING)
    if run is not None:
        waiting = waiting.filter(pk=run.pk)
    locked = waiting.select_for_update(of=("self",), skip_locked=True)
    taken = locked.select_related("insurance_provider").order_by("asked_at").first()
    if taken is not None:
        taken.lease_until, taken.results = at + LEASE, []
        taken.save(update_fields=["lease_until", "results"])
    return taken


def _note(run: ConformanceRun, results: list[conformance.Result], at: datetime) -> None:
    """Show how far a run has got, and hold on to it, unless somebody else has it by now."""
    held = ConformanceRun.objects.filter(pk=run.pk, lease_until=run.lease_until)
    run.lease_until = at + LEASE
    held.update(results=_written(results), lease_until=run.lease_until, updated_at=at)


@transaction.atomic(durable=True)
def _finish(run: ConformanceRun, results: list[conformance.Result], at: datetime) -> ConformanceRun:
    standing = ConformanceRun.objects.select_for_update().get(pk=run.pk)
    if standing.lease_until != run.lease_until:
        # It took longer than the lease, and somebody else goes through it.
        return standing
    passed = conformance.has_passed(results)
    standing.status = ConformanceRun.Status.PASSED if passed else ConformanceRun.Status.FAILED
    standing.results, standing.finished_at, standing.lease_until = _written(results), at, None
    standing.save()
    ledger.record(
        "conformance.passed" if passed else "conformance.failed",
        subject=run.insurance_provider,
        by=None,
        at=at,
        run=str(run.pk),
        failed=[result.name for result in results if result.outcome == "failed"],
    )
    return standing


def _written(results: list[conformance.Result]) -> list[dict[str, Any]]:
    return [asdict(result) for result in results]


@transaction.atomic(durable=True)
def bring_live(
    *, provider: InsuranceProvider, reason: str, by: ledger.Actor, at: datetime
) -> InsuranceProvider:
    """Let an insurer see real doctors, because its system passed the checks.

    Args:
        reason: why it may go live without a pass; empty where there is one.

    Raises:
        AlreadyLive: nothing was changed.
        NotYetLive: nothing was changed.

    Source: docs/adr/0019-live-takes-a-pass-or-a-reason.md
    """
    standing = InsuranceProvider.objects.select_for_update().get(pk=provider.pk)
    if standing.integration_status == InsuranceProvider.Status.LIVE:
        raise AlreadyLive(f"{standing} is live already.")
    passed = ConformanceRun.objects.vouching_for(standing, at=at).first()
    if passed is None and not reason:
        raise NotYetLive("Its system has not passed the checks lately: say why it may go live.")
    before, standing.integration_status = (
        standing.integration_status,
        InsuranceProvider.Status.LIVE,
    )
    standing.live_at, standing.live_reason = at, reason
    standing.live_passed_at = passed.finished_at if passed else None
    standing.save(update_fields=["integration_status", "live_at", "live_reason", "live_passed_at"])
    ledger.record(
        "insurer.brought_live",
        subject=standing,
        by=by,
        at=at,
        before=before,
        reason=reason,
        run=str(passed.pk) if passed else None,
    )
    return standing
