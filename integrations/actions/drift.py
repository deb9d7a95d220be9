"""The nightly check that insurers hold what they took, and the repair of what differs.

Each insurer's doctors are gone through in the order of their ids, some at a time, at the rate of a
backfill. What an insurer holds is compared with what it last took; and what it last took with what
it may see now, which finds what changed by the passing of time alone. What differs is sent again.
Each step is leased and notes how far it came, so that a killed worker costs one step.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q

from integrations import outgoing
from integrations.actions.drain import Line, drain, one_by_one
from integrations.actions.push import ERASED, Job, hash_of, partner_of, prepare
from integrations.actions.push.states import CONNECTOR
from integrations.models import ProviderDoctorSync, ProviderPush
from integrations.outgoing import Session
from registry import ledger
from registry.models import InsuranceProvider

# In UTC; two in the morning in India.
NIGHT = time(20, 30)
LEASE = timedelta(seconds=90)
# One step asks no longer, and takes no more doctors; what is left is the next one's.
ASKS_FOR = timedelta(seconds=20)
MOST_IN_A_STEP = 500
_STEPS_A_MINUTE = 12
_WAIT_AFTER_FAILURE = timedelta(minutes=5)
_INTERNAL_ERROR = "internal_error"
_Status = ProviderDoctorSync.Status

# In each process one looks at a time.
_turn = threading.Lock()

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Step:
    """Some doctors of one insurer to be checked; with `is_last` there are none after them."""

    push: ProviderPush
    pairs: Sequence[ProviderDoctorSync]
    jobs: Sequence[Job]
    is_last: bool


@dataclass(frozen=True)
class Answers:
    """What an insurer's system told of the doctors of a step, in their order.

    A doctor of whom it told nothing has `None`; an `error` ended the step before its last doctor.
    """

    step: Step
    at: datetime
    told: Sequence[tuple[Job, tuple[str | None, ...]]]
    error: str = ""


def check(*, clock: Callable[[], datetime]) -> int:
    """Check where it is due, many insurers at once; give how many steps there were.

    Args:
        clock: gives the aware instant that it is.
    """
    if not _turn.acquire(blocking=False):
        return 0
    try:
        with outgoing.new_session() as session:
            return drain(session, line(session, clock))
    finally:
        _turn.release()


def line(session: Session, clock: Callable[[], datetime]) -> Line[Step, Answers]:
    """Give the three parts of a step."""
    return Line(
        lease=lambda room: [_prepare(push, clock()) for push in lease(room=room, at=clock())],
        send=lambda step: ask(step, session=session, clock=clock),
        mark=one_by_one(lambda answers: mark(answers=answers)),
    )


@transaction.atomic(durable=True)
def check_now(*, provider: InsuranceProvider, by: ledger.Actor, at: datetime) -> None:
    """Have an insurer checked now; a check under way goes on where it is."""
    ProviderPush.objects.filter(insurance_provider=provider).update(next_check_at=at, updated_at=at)
    ledger.record("insurance_provider.check_asked", subject=provider, by=by, at=at)


@transaction.atomic(durable=True)
def lease(*, room: int, at: datetime) -> list[ProviderPush]:
    """Take at most `room` insurers whose check begins or goes on, so that nobody else does.

    Args:
        at: aware instant; the lease runs for a minute and a half from it.
    """
    is_due = Q(next_check_at=None) | Q(next_check_at__lte=at)
    is_free = Q(check_lease_until=None) | Q(check_lease_until__lte=at)
    due = (
        ProviderPush.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("insurance_provider")
        .exclude(insurance_provider__api_base_url="")
        .filter(is_due, is_free)
        .order_by("next_check_at")[:room]
    )
    taken = list(due)
    for push in taken:
        if push.check_began_at is None or push.check_ended_at is not None:
            _begin(push, at)
        push.check_lease_until = at + LEASE
        push.save()
    return taken


def _begin(push: ProviderPush, at: datetime) -> None:
    push.check_began_at, push.check_ended_at = at, None
    push.checked_to, push.tells_states, push.check_error = None, None, ""
    push.checked = push.differed = push.outdated = 0


def _prepare(push: ProviderPush, at: datetime) -> Step:
    size = _size(push.insurance_provider)
    pairs = ProviderDoctorSync.objects.filter(insurance_provider=push.insurance_provider)
    if push.checked_to is not None:
        pairs = pairs.filter(doctor_id__gt=push.checked_to)
    found = list(pairs.select_related("insurance_provider", "doctor").order_by("doctor_id")[:size])
    # What is not in step is on its way already.
    standing = [pair for pair in found if pair.sync_status == _Status.IN_STEP]
    return Step(push, found, prepare(standing, at=at), is_last=len(found) < size)


def _size(provider: InsuranceProvider) -> int:
    return min(MOST_IN_A_STEP, max(1, provider.backfill_per_minute // _STEPS_A_MINUTE))


async def ask(step: Step, *, session: Session, clock: Callable[[], datetime]) -> Answers:
    """Ask an insurer's system what it holds; touches no database and raises nothing."""
    told: list[tuple[Job, tuple[str | None, ...]]] = []
    until = clock() + ASKS_FOR
    try:
        for job in step.jobs:
            if clock() >= until:
                break
            told.append((job, await _ask(step, job, session, clock)))
    except outgoing.PartnerUnavailable as failure:
        return Answers(step, clock(), told, failure.reason)
    except Exception:
        log.exception("check_broke", insurer=str(step.push.pk))
        return Answers(step, clock(), told, _INTERNAL_ERROR)
    return Answers(step, clock(), told)


async def _ask(
    step: Step, job: Job, session: Session, clock: Callable[[], datetime]
) -> tuple[str | None, ...]:
    if step.push.tells_states is False or not job.secrets:
        return ()
    partner = partner_of(job, session=session, clock=clock)
    return tuple(
        [await CONNECTOR.state_held(partner, job.sync.doctor_id, part) for part in CONNECTOR.PARTS]
    )


@transaction.atomic(durable=True)
def mark(*, answers: Answers) -> None:
    """Have what differs sent again, and note how far the check has come.

    What comes after the lease has ended is repaired and not counted: somebody else has the step.
    """
    push = answers.step.push
    tells = _tells(answers)
    differed = outdated = 0
    # The pairs first, as the workers that send take them before the insurer's row.
    for job, states in answers.told:
        if tells and job.sync.state_hash != _held(job, states):
            differed += _repair(job, answers.at)
        elif job.sync.state_hash != job.state.hash:
            outdated += _repair(job, answers.at)
    standing = ProviderPush.objects.filter(pk=push.pk, check_lease_until=push.check_lease_until)
    standing.update(
        checked=F("checked") + len(answers.told),
        differed=F("differed") + differed,
        outdated=F("outdated") + outdated,
        tells_states=tells,
        check_error=answers.error,
        check_lease_until=None,
        updated_at=answers.at,
        **_progress(answers),
    )


def _tells(answers: Answers) -> bool | None:
    """Tell whether the system tells its states: it has, or nobody knows before it was asked."""
    asked = [states for _, states in answers.told if states]
    has_told = any(state is not None for states in asked for state in states)
    if answers.step.push.tells_states or has_told:
        return True
    return False if asked else answers.step.push.tells_states


def _held(job: Job, states: tuple[str | None, ...]) -> str:
    """Give the hash of the state that the system holds; where it holds none, as of one erased."""
    held = [state or "" for state in states]
    return hash_of(held) if any(held) else ERASED


def _repair(job: Job, at: datetime) -> int:
    standing = ProviderDoctorSync.objects.filter(
        pk=job.sync.pk, sync_status=_Status.IN_STEP, state_hash=job.sync.state_hash
    )
    return standing.update(
        sync_status=_Status.PENDING,
        # What is to be erased waits behind no backfill.
        is_backfill=job.state.erasure is None,
        wanted=F("wanted") + 1,
        state_hash="",
        next_attempt_at=at,
        updated_at=at,
    )


def _progress(answers: Answers) -> dict[str, object]:
    step, at = answers.step, answers.at
    is_whole = not answers.error and len(answers.told) == len(step.jobs)
    if is_whole and step.is_last:
        return {"checked_to": None, "check_ended_at": at, "next_check_at": _next_night(at)}
    came_to = step.push.checked_to
    if is_whole:
        came_to = step.pairs[-1].doctor_id
    elif answers.told:
        came_to = answers.told[-1][0].sync.doctor_id
    per_minute = step.push.insurance_provider.backfill_per_minute
    wait = timedelta(minutes=1) * len(answers.told) / per_minute
    if answers.error:
        wait = max(wait, _WAIT_AFTER_FAILURE)
    return {"checked_to": came_to, "next_check_at": at + wait}


def _next_night(at: datetime) -> datetime:
    tonight = datetime.combine(at.astimezone(UTC).date(), NIGHT, tzinfo=UTC)
    return tonight if at < tonight else tonight + timedelta(days=1)
