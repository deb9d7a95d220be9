from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext

from registry.actions import versions
from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation, User
from scheduling.actions.decisions import Decision, affected_by_leave, settle
from scheduling.actions.exceptions import periods, saving
from scheduling.actions.exceptions.periods import Period
from scheduling.actions.exceptions.saving import Saved
from scheduling.models import AvailabilityException

LONGEST_REASON = 200


class ReasonTooLong(Refused):
    """The private reason has more than `LONGEST_REASON` letters; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            gettext("Use at most %(most)s letters for the reason.") % {"most": LONGEST_REASON}
        )


@transaction.atomic(durable=True)
def take_leave(
    *,
    doctor: Doctor,
    starts_at: datetime,
    ends_at: datetime,
    location: DoctorLocation | None,
    reason: str,
    decisions: Mapping[UUID, Decision],
    by: User,
    at: datetime,
) -> Saved:
    """Close a period; leave of the same place that it overlaps becomes one with it.

    Args:
        starts_at, ends_at: aware instants; it may begin in the past of today.
        location: one place; `None` closes all.
        reason: the doctor's own; neither log nor event nor insurer sees it.
        decisions: what becomes of each affected appointment.
        at: aware instant of the change.

    Raises:
        Undecided: names the affected appointments without a decision; nothing was changed.
        PeriodRefused, ReasonTooLong, PlaceClosed, ChangedMeanwhile: nothing was changed.
    """
    standing = versions.lock(doctor)
    place = saving.place_of(standing, location) if location else None
    period = Period.of(starts_at, ends_at)
    periods.check_new(period, doctor=standing, location=place, at=at)
    leave = AvailabilityException(
        doctor=standing,
        location=place,
        kind=AvailabilityException.Kind.CLOSED,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        reason=_checked(reason),
    )
    saved = _save("leave.added", leave, decisions, by=by, at=at)
    saving.tell(standing, by=by, at=at)
    return saved


@transaction.atomic(durable=True)
def change_leave(
    *,
    leave: AvailabilityException,
    starts_at: datetime,
    ends_at: datetime,
    location: DoctorLocation | None,
    reason: str,
    decisions: Mapping[UUID, Decision],
    by: User,
    at: datetime,
) -> Saved:
    """Give leave another period, place or reason; what does not change records nothing.

    Of leave that has begun, only the end and the reason can change, and the end not to before
    now.

    Args:
        starts_at, ends_at, location, reason, decisions, at: as `take_leave`.

    Raises:
        Undecided: names the affected appointments without a decision; nothing was changed.
        PeriodRefused, ReasonTooLong, PlaceClosed, NoLongerThere, ChangedMeanwhile: nothing was
            changed.
    """
    doctor, standing = saving.lock_both(leave)
    before, period = Period.standing(standing), Period.of(starts_at, ends_at)
    moves = (location.pk if location else None) != standing.location_id
    saving.check_changeable(standing, period, moves=moves, at=at)
    place = saving.place_of(doctor, location) if moves and location else location
    periods.check_changed(period, standing, place, at=at)
    is_same = period == before and not moves
    if is_same and reason == standing.reason:
        return Saved(standing)
    standing.starts_at, standing.ends_at = period
    standing.location, standing.reason = place, _checked(reason)
    saved = _save("leave.changed", standing, decisions, by=by, at=at)
    if not is_same:
        saving.tell(doctor, by=by, at=at)
    return saved


@transaction.atomic(durable=True)
def remove_leave(
    *, leave: AvailabilityException, by: User, at: datetime
) -> AvailabilityException | None:
    """Remove leave that is to come; end leave that has begun now.

    Returns:
        The leave that has ended, or `None` when all of it is gone.

    Raises:
        IsOver, NoLongerThere: nothing was changed.
    """
    doctor, standing = saving.lock_both(leave)
    left = saving.end_or_remove(standing, at=at)
    saving.record("leave.ended" if left else "leave.removed", standing, by=by, at=at)
    saving.tell(doctor, by=by, at=at)
    return left


def _checked(reason: str) -> str:
    if len(reason) > LONGEST_REASON:
        raise ReasonTooLong
    return reason


def _save(
    action: str,
    leave: AvailabilityException,
    decisions: Mapping[UUID, Decision],
    *,
    by: User,
    at: datetime,
) -> Saved:
    affected = affected_by_leave(
        doctor=leave.doctor,
        location=leave.location,
        starts_at=leave.starts_at,
        ends_at=leave.ends_at,
        at=at,
    )
    others = [one for one in saving.overlapping(leave) if one.location_id == leave.location_id]
    leave.reason = _joined([leave, *others])
    saving.stretch(leave, others)
    periods.check_length(leave)
    settled = settle(affected, decisions, by=by, at=at)
    saving.put(leave, others)
    for other in others:
        saving.record("leave.joined", other, by=by, at=at, into=str(leave.pk))
    saving.record(action, leave, by=by, at=at, **settled)
    return Saved(leave, others)


def _joined(every: Sequence[AvailabilityException]) -> str:
    """Give the reasons of leave that becomes one, each once, in the order of time."""
    in_order = sorted(every, key=lambda one: one.starts_at)
    reasons = dict.fromkeys(one.reason for one in in_order if one.reason)
    return "; ".join(reasons)[:LONGEST_REASON]
