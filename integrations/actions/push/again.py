"""Send again what was sent or failed, for whoever knows that it helps."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, When
from django.utils.translation import gettext

from integrations.actions.push.states import shown_at
from integrations.models import ProviderDoctorSync
from registry import ledger
from registry.actions.refusals import Refused
from registry.models import InsuranceProvider, User

_BATCH = 1000
_Status = ProviderDoctorSync.Status
# Reasons that lie with a system as a whole, not with one doctor.
_AWAY = Q(last_error__startswith="http_5") | Q(
    last_error__in=["http_429", "timeout", "dns_error", "tls_error", "connection_refused"]
)


class NothingWaits(Refused):
    """The pair is in step, under way, or was stopped; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("Nothing waits to be sent again."))


@transaction.atomic(durable=True)
def try_now(*, sync: ProviderDoctorSync, by: User, at: datetime) -> ProviderDoctorSync:
    """Try a failing pair now and not at its next turn, for its doctor.

    Since when it fails stays as it was, and how long it waits if it fails once more.

    Raises:
        NothingWaits: nothing was changed.
    """
    standing = ProviderDoctorSync.objects.select_for_update().get(pk=sync.pk)
    if standing.sync_status != _Status.FAILING or standing.next_attempt_at <= at:
        raise NothingWaits
    standing.next_attempt_at, standing.is_backfill = at, False
    standing.save(update_fields=["next_attempt_at", "is_backfill", "updated_at"])
    _record(standing, by=by, at=at)
    return standing


@transaction.atomic(durable=True)
def retry(*, sync: ProviderDoctorSync, by: ledger.Actor, at: datetime) -> ProviderDoctorSync:
    """Send a pair's whole state again now, even if it is in step or was stopped."""
    standing = ProviderDoctorSync.objects.select_for_update().get(pk=sync.pk)
    standing.sync_status, standing.failing_since = _Status.PENDING, None
    standing.wanted, standing.attempts = standing.wanted + 1, 0
    standing.state_hash, standing.next_attempt_at = "", at
    standing.is_backfill = False
    standing.save()
    _record(standing, by=by, at=at)
    return standing


def _record(sync: ProviderDoctorSync, *, by: ledger.Actor, at: datetime) -> None:
    insurer = str(sync.insurance_provider_id)
    ledger.record(
        "provider_doctor_sync.retried", subject=sync, by=by, at=at, insurance_provider_id=insurer
    )


def retry_failing(*, provider: UUID, at: datetime) -> int:
    """Try an insurer's failing pairs now: it has given what they may have failed for want of.

    Part of a transaction of the caller. Gives how many there are.
    """
    failing = ProviderDoctorSync.objects.filter(
        insurance_provider=provider, sync_status=_Status.FAILING
    )
    return failing.update(attempts=0, next_attempt_at=at, updated_at=at)


@transaction.atomic(durable=True)
def retry_insurer(*, provider: InsuranceProvider, by: ledger.Actor, at: datetime) -> int:
    """Try all of an insurer's failing pairs now, for whoever knows that its system is back."""
    number = retry_failing(provider=provider.pk, at=at)
    ledger.record("insurance_provider.push_retried", subject=provider, by=by, at=at, pairs=number)
    return number


@transaction.atomic(durable=True)
def try_others(*, provider: UUID, at: datetime) -> int:
    """Try pairs that failed while an insurer's system was away, since it has just answered.

    At the rate of a backfill, and a thousand at once: the next that succeeds brings more. How
    long each waits if it fails again stays as it was.
    """
    away = ProviderDoctorSync.objects.filter(
        _AWAY, insurance_provider=provider, sync_status=_Status.FAILING, next_attempt_at__gt=at
    )
    free = away.order_by("doctor_id").select_for_update(skip_locked=True)
    return ProviderDoctorSync.objects.filter(
        pk__in=list(free.values_list("pk", flat=True)[:_BATCH])
    ).update(is_backfill=_is_backfill(at), next_attempt_at=at, updated_at=at)


def _is_backfill(at: datetime) -> Case:
    # What is to be erased waits behind no backfill.
    return Case(When(shown_at(at), then=True), default=False)


def send_all_again(*, provider: InsuranceProvider, by: ledger.Actor, at: datetime) -> int:
    """Send all that an insurer must hold again, at the rate of a backfill; give how many pairs.

    For an insurer that has lost its database, say. A thousand pairs are one transaction, so that
    nobody else's changes wait meanwhile; what is cut short can be asked for once more.
    """
    with transaction.atomic(durable=True):
        ledger.record("insurance_provider.push_repeated", subject=provider, by=by, at=at)
    number, after = 0, UUID(int=0)
    while pairs := _next_pairs(provider, after):
        after = pairs[-1][1]
        number += _mark_for_backfill([pk for pk, _ in pairs], at)
    return number


def _next_pairs(provider: InsuranceProvider, after: UUID) -> list[tuple[UUID, UUID]]:
    of_insurer = ProviderDoctorSync.objects.filter(insurance_provider=provider, doctor_id__gt=after)
    return list(of_insurer.order_by("doctor_id").values_list("pk", "doctor_id")[:_BATCH])


@transaction.atomic(durable=True)
def _mark_for_backfill(pairs: list[UUID], at: datetime) -> int:
    # What a doctor waits for already is on its way, and goes first.
    standing = ProviderDoctorSync.objects.exclude(sync_status=_Status.PENDING).filter(pk__in=pairs)
    # In the order in which the sequencer takes them.
    locked = standing.order_by("doctor_id").select_for_update().values_list("pk", flat=True)
    return ProviderDoctorSync.objects.filter(pk__in=list(locked)).update(
        sync_status=_Status.PENDING,
        is_backfill=_is_backfill(at),
        wanted=F("wanted") + 1,
        attempts=0,
        failing_since=None,
        state_hash="",
        next_attempt_at=at,
        updated_at=at,
    )
