"""Push sync: bring each insurer's system in step with what it may see of each doctor.

It sends states, not changes: ten edits become one send, and a lost message cannot matter. A
lease ends by itself, so what a killed worker held is sent again.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Case, F, When
from requests import Session

from consent.models import Consent, visible_doctors
from integrations import outgoing, representations
from integrations.actions.drain import FAILING_AT_ONCE, MOST_AT_ONCE, SLOW_AFTER, Line
from integrations.actions.webhooks import secrets_in_force
from integrations.connectors.docport_json import client
from integrations.connectors.docport_json.mapping import canonical, state_headers
from integrations.connectors.webhooks import mapping as webhooks
from integrations.models import ProviderDoctorSync, WebhookEndpoint
from registry import ledger
from registry.models import Doctor, InsuranceProvider

# How long after each failure in a row the next attempt comes; the last goes on for ever.
WAITS = (
    timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30),
    timedelta(hours=2), timedelta(hours=6),
)  # fmt: skip
LEASE = timedelta(seconds=90)
_JITTER = 0.2
ERASED = "erased"
_NO_SECRET = "no_signing_secret"  # noqa: S105  A reason, not a secret.
_INTERNAL_ERROR = "internal_error"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('docport.push', 0))"

# Every insurer gets a first place before any gets a second; the lock keeps the most at once true.
# Insurers with a failing pair, or that have not answered yet to a send that began a while ago, have
# only a share of the sends between them all.
_DUE = """
    WITH provider AS MATERIALIZED (
        SELECT id, EXISTS (
            SELECT FROM provider_doctor_sync AS failing
            WHERE failing.insurance_provider_id = insurance_providers.id
                  AND (failing.sync_status = 'FAILING' OR (
                      failing.sync_status = 'PENDING' AND failing.lease_until > %(at)s
                      AND failing.lease_until <= %(slow)s
                  ))
        ) AS is_failing, (
            SELECT count(*) FROM provider_doctor_sync AS held
            WHERE held.insurance_provider_id = insurance_providers.id
                  AND held.sync_status IN ('PENDING', 'FAILING') AND held.lease_until > %(at)s
        ) AS sends
        FROM insurance_providers WHERE api_base_url <> ''
    ), due AS MATERIALIZED (
        SELECT next_one.id, next_one.place, provider.is_failing
        FROM provider
        CROSS JOIN LATERAL (
            SELECT id, row_number() OVER () AS place FROM (
                SELECT sync.id FROM provider_doctor_sync AS sync
                WHERE sync.insurance_provider_id = provider.id
                      AND sync.sync_status IN ('PENDING', 'FAILING')
                      AND sync.next_attempt_at <= %(at)s
                      AND (sync.lease_until IS NULL OR sync.lease_until <= %(at)s)
                ORDER BY sync.next_attempt_at
                LIMIT greatest(%(most_at_once)s - provider.sends, 0)
                FOR UPDATE SKIP LOCKED
            ) AS unheld
        ) AS next_one
    ), ranked AS (
        SELECT id, is_failing, place,
               row_number() OVER (PARTITION BY is_failing ORDER BY place, random()) AS rank
        FROM due
    )
    SELECT id FROM ranked
    WHERE NOT is_failing
          OR rank <= %(failing_at_once)s - (SELECT sum(sends) FROM provider WHERE is_failing)
    ORDER BY place, random()
    LIMIT %(room)s
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class State:
    """What an insurer must hold of a doctor: both bodies, or the one that asks to erase."""

    version: int
    profile: bytes = b""
    availability: bytes = b""
    erasure: bytes = b""

    @property
    def hash(self) -> str:
        """Tell states apart; `provider_doctor_sync` keeps the last accepted one."""
        if self.erasure:
            return ERASED
        return hashlib.sha256(self.profile + self.availability).hexdigest()


@dataclass(frozen=True)
class Job:
    """A leased pair with all that bringing it in step takes."""

    sync: ProviderDoctorSync
    base_url: str
    state: State
    secrets: list[str] = field(repr=False)

    @property
    def changes_nothing(self) -> bool:
        return (self.sync.state_hash, self.sync.sent_to) == (self.state.hash, self.base_url)


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt; no `error` means that the insurer is in step."""

    job: Job
    at: datetime
    status: int | None = None
    error: str = ""
    retry_after: timedelta | None = None


def line(session: Session, clock: Callable[[], datetime]) -> Line[Job, Outcome]:
    """Give the three steps of bringing a pair in step."""
    return Line(
        lease=lambda room: prepare(lease(room=room, at=clock()), at=clock()),
        send=lambda job: attempt(job, session=session, clock=clock),
        mark=lambda outcome: mark(outcome=outcome),
    )


@transaction.atomic(durable=True)
def lease(*, room: int, at: datetime) -> list[ProviderDoctorSync]:
    """Take at most `room` pairs that are due, so that nobody else sends them meanwhile.

    Args:
        at: aware instant; the lease runs for a minute and a half from it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute(
            _DUE,
            {
                "at": at,
                "most_at_once": MOST_AT_ONCE,
                "failing_at_once": FAILING_AT_ONCE,
                "slow": at + LEASE - SLOW_AFTER,
                "room": room,
            },
        )
        due = [row[0] for row in cursor.fetchall()]
    if not due:
        return []
    pairs = ProviderDoctorSync.objects.filter(pk__in=due)
    pairs.update(attempts=F("attempts") + 1, lease_until=at + LEASE, updated_at=at)
    return list(pairs.select_related("insurance_provider", "doctor").order_by("next_attempt_at"))


def prepare(syncs: Iterable[ProviderDoctorSync], *, at: datetime) -> list[Job]:
    """Read what each insurer may see at this moment; a doctor it may not see is to be erased."""
    by_provider: defaultdict[InsuranceProvider, list[ProviderDoctorSync]] = defaultdict(list)
    for sync in syncs:
        by_provider[sync.insurance_provider].append(sync)
    return [
        Job(sync, provider.api_base_url, state, secrets)
        for provider, group in by_provider.items()
        for secrets in [_secrets(provider, at)]
        for sync, state in zip(group, _states(provider, group, at), strict=True)
    ]


def _secrets(provider: InsuranceProvider, at: datetime) -> list[str]:
    # Enabled ones first; the secret of one that is sent nothing is still the insurer's.
    endpoints = WebhookEndpoint.objects.standing().filter(insurance_provider=provider)
    enabled_first = Case(When(status=WebhookEndpoint.Status.ENABLED, then=0), default=1)
    endpoint = endpoints.order_by(enabled_first, "created_at").first()
    return [] if endpoint is None else secrets_in_force(endpoint, at=at)


def _states(
    provider: InsuranceProvider, syncs: list[ProviderDoctorSync], at: datetime
) -> list[State]:
    # The version is read before the rest: what is newer than it makes the pair due once more.
    versions = {sync.doctor_id: sync.doctor.version for sync in syncs}
    ids = list(versions)
    visible = {doctor.pk: doctor for doctor in visible_doctors(provider, at=at).filter(pk__in=ids)}
    shown = representations.doctors_as_seen(list(visible), provider=provider, at=at)
    profiles = {UUID(profile["id"]): canonical(profile) for profile in shown}
    left = Consent.objects.filter(insurance_provider=provider, doctor__in=ids)
    consents = {consent.doctor_id: consent for consent in left}
    return [
        _state(visible[doctor], provider, profiles[doctor], at)
        if doctor in profiles
        else State(versions[doctor], erasure=_erasure(doctor, consents.get(doctor), at))
        for doctor in ids
    ]


def _state(doctor: Doctor, provider: InsuranceProvider, profile: bytes, at: datetime) -> State:
    hours = representations.availability_as_seen(doctor, provider=provider, at=at)
    return State(doctor.version, profile=profile, availability=canonical(hours))


def _erasure(doctor: UUID, consent: Consent | None, at: datetime) -> bytes:
    reason, erase_by = "doctor_unavailable", None
    if consent is None or consent.consent_status == Consent.Status.REVOKED:
        reason = "consent_withdrawn"
    elif not consent.is_active_at(at):
        reason = "consent_expired"
    if consent is not None and (until := consent.erase_by_at(at)) is not None:
        erase_by = representations.instant(until)
    return canonical({"doctor_id": str(doctor), "reason": reason, "erase_by": erase_by})


def attempt(job: Job, *, session: Session, clock: Callable[[], datetime]) -> Outcome:
    """Send one state and tell what came of it; touches no database and raises nothing."""
    if job.changes_nothing:
        return Outcome(job, clock())
    if not job.secrets:
        return Outcome(job, clock(), error=_NO_SECRET)
    try:
        _send(job, session, clock)
    except outgoing.PartnerUnavailable as failure:
        asked = outgoing.wait_asked(failure.retry_after, at=clock())
        return Outcome(job, clock(), failure.status, failure.reason, asked)
    except outgoing.PartnerRefused as failure:
        return Outcome(job, clock(), failure.status, failure.reason)
    except Exception:
        log.exception("push_attempt_broke", sync=str(job.sync.pk))
        return Outcome(job, clock(), error=_INTERNAL_ERROR)
    return Outcome(job, clock())


def _send(job: Job, session: Session, clock: Callable[[], datetime]) -> None:
    state, doctor = job.state, job.sync.doctor_id

    def headers(part: str, body: bytes) -> dict[str, str]:
        message_id = f"sync_{job.sync.pk.hex}_{job.sync.wanted}_{part}"
        signed = webhooks.headers(message_id, int(clock().timestamp()), body, keys=job.secrets)
        return signed | state_headers(state.version, body)

    if state.erasure:
        signed = headers("erasure", state.erasure)
        client.delete_doctor(session, job.base_url, doctor, body=state.erasure, headers=signed)
        return
    signed = headers("profile", state.profile)
    client.put_doctor(session, job.base_url, doctor, body=state.profile, headers=signed)
    signed = headers("availability", state.availability)
    client.put_availability(session, job.base_url, doctor, body=state.availability, headers=signed)


@transaction.atomic(durable=True)
def mark(*, outcome: Outcome) -> None:
    """Note one attempt: in step, to be tried again, or stopped because the insurer said 410.

    What comes after the lease has ended changes nothing: somebody else has the pair.
    """
    job = outcome.job
    standing = ProviderDoctorSync.objects.select_for_update().get(pk=job.sync.pk)
    if standing.lease_until != job.sync.lease_until:
        return
    standing.lease_until, standing.last_error = None, outcome.error
    standing.sent_to = job.base_url
    # After a failure nobody knows what the insurer holds: half a state may have arrived.
    standing.state_hash = "" if outcome.error else job.state.hash
    if not outcome.error:
        _note_in_step(standing, outcome)
    elif not standing.attempts:
        # Somebody made the pair due afresh during the send, so it is as due as it was.
        pass
    elif outcome.status == HTTPStatus.GONE:
        standing.sync_status, standing.failing_since = ProviderDoctorSync.Status.STOPPED, None
    else:
        standing.sync_status = ProviderDoctorSync.Status.FAILING
        standing.failing_since = standing.failing_since or outcome.at
        standing.next_attempt_at = outcome.at + _wait(standing.attempts, outcome)
    standing.save()


def _note_in_step(standing: ProviderDoctorSync, outcome: Outcome) -> None:
    job = outcome.job
    changed_meanwhile = standing.wanted != job.sync.wanted
    standing.sync_status = (
        ProviderDoctorSync.Status.PENDING
        if changed_meanwhile
        else ProviderDoctorSync.Status.IN_STEP
    )
    standing.sent, standing.attempts, standing.failing_since = job.sync.wanted, 0, None
    standing.next_attempt_at = outcome.at
    if not job.changes_nothing:
        standing.last_profile_sync = standing.last_availability_sync = outcome.at
        standing.version_sent = job.state.version


def retry_failing(*, provider: UUID, at: datetime) -> None:
    """Try an insurer's failing pairs now: it has given what they may have failed for want of.

    Part of a transaction of the caller.
    """
    failing = ProviderDoctorSync.objects.filter(
        insurance_provider=provider, sync_status=ProviderDoctorSync.Status.FAILING
    )
    failing.update(attempts=0, next_attempt_at=at, updated_at=at)


@transaction.atomic(durable=True)
def retry_insurer(*, provider: InsuranceProvider, by: ledger.Actor, at: datetime) -> None:
    """Try all of an insurer's failing pairs now, for whoever knows that its system is back."""
    retry_failing(provider=provider.pk, at=at)
    ledger.record("insurance_provider.push_retried", subject=provider, by=by, at=at)


def _wait(attempts: int, outcome: Outcome) -> timedelta:
    planned = WAITS[min(attempts, len(WAITS)) - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311  No secret.
    return max(planned, outcome.retry_after or planned)


@transaction.atomic(durable=True)
def retry(*, sync: ProviderDoctorSync, by: ledger.Actor, at: datetime) -> ProviderDoctorSync:
    """Send a pair's whole state again now, even if it is in step or was stopped."""
    standing = ProviderDoctorSync.objects.select_for_update().get(pk=sync.pk)
    standing.sync_status, standing.failing_since = ProviderDoctorSync.Status.PENDING, None
    standing.wanted, standing.attempts = standing.wanted + 1, 0
    standing.state_hash, standing.next_attempt_at = "", at
    standing.save()
    ledger.record("provider_doctor_sync.retried", subject=standing, by=by, at=at)
    return standing
