from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext

from registry.actions import versions
from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation, User
from scheduling import wording
from scheduling.actions.decisions import Decision, affected_by_extra_hours, settle
from scheduling.actions.exceptions import periods, saving
from scheduling.actions.exceptions.periods import Period
from scheduling.actions.exceptions.saving import Saved
from scheduling.models import AvailabilityException, Mode

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class VisitTerms:
    """How open time is cut into visits; see `Availability`."""

    slot_duration_minutes: int = 15
    capacity: int = 1
    buffer_minutes: int = 0
    mode: str = Mode.IN_PERSON

    @classmethod
    def of(cls, extra: AvailabilityException) -> "VisitTerms":
        """Take the terms of extra hours."""
        return cls(
            extra.slot_duration_minutes or 0,
            extra.capacity or 0,
            extra.buffer_minutes or 0,
            extra.mode,
        )


class DoesNotFit(Refused):
    """The extra hours do not hold whole visits; nothing was changed."""


class OpensNothing(Refused):
    """The doctor is on leave all the time; nothing was changed."""

    def __init__(self, leave: AvailabilityException, doctor: Doctor, at: datetime) -> None:
        self.leave = leave
        super().__init__(
            gettext("You are on leave then: %(when)s. Change the leave first.")
            % {"when": _when(leave, doctor, at)}
        )


class ExtraHoursOverlap(Refused):
    """Extra hours at another place or cut otherwise are at the same time; nothing was changed."""

    def __init__(self, other: AvailabilityException, doctor: Doctor, at: datetime) -> None:
        self.other = other
        super().__init__(
            gettext(
                "There are other extra hours at this time: %(when)s. Change or remove those first."
            )
            % {"when": _when(other, doctor, at)}
        )


@transaction.atomic(durable=True)
def add_extra_hours(
    *,
    doctor: Doctor,
    location: DoctorLocation,
    starts_at: datetime,
    ends_at: datetime,
    terms: VisitTerms,
    by: User,
    at: datetime,
) -> Saved:
    """Open a period besides the weekly hours, also on a day without any.

    Extra hours of the same place and terms that it overlaps become one with it.

    Args:
        starts_at, ends_at: aware instants; it may begin in the past of today.
        at: aware instant of the change.

    Raises:
        ExtraHoursOverlap: names extra hours at another place, or on other terms.
        PeriodRefused, DoesNotFit, OpensNothing, PlaceClosed, ChangedMeanwhile: nothing was
            changed.
    """
    standing = versions.lock(doctor)
    place = saving.place_of(standing, location)
    period = Period.of(starts_at, ends_at)
    periods.check_new(period, doctor=standing, location=place, at=at)
    extra = AvailabilityException(
        doctor=standing,
        location=place,
        kind=AvailabilityException.Kind.EXTRA,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        **asdict(terms),
    )
    merged = _join(extra, at)
    saving.put(extra, merged)
    _record("extra_hours.added", extra, merged, by=by, at=at)
    saving.tell(standing, by=by, at=at)
    return Saved(extra, merged)


@transaction.atomic(durable=True)
def change_extra_hours(
    *,
    extra: AvailabilityException,
    location: DoctorLocation,
    starts_at: datetime,
    ends_at: datetime,
    terms: VisitTerms,
    decisions: Mapping[UUID, Decision],
    by: User,
    at: datetime,
) -> Saved:
    """Give extra hours another period, place or terms; what does not change records nothing.

    Of extra hours that have begun, only the end can change, and not to before now.

    Args:
        starts_at, ends_at, at: as `add_extra_hours`.
        decisions: what becomes of each appointment that is outside all hours then.

    Raises:
        Undecided: names the affected appointments without a decision; nothing was changed.
        ExtraHoursOverlap: names extra hours at another place, or on other terms.
        PeriodRefused, DoesNotFit, OpensNothing, PlaceClosed, NoLongerThere, ChangedMeanwhile:
            nothing was changed.
    """
    doctor, standing = saving.lock_both(extra)
    before, period = Period.standing(standing), Period.of(starts_at, ends_at)
    moves = location.pk != standing.location_id
    differs = moves or terms != VisitTerms.of(standing)
    saving.check_changeable(standing, period, moves=differs, at=at)
    place = saving.place_of(doctor, location) if moves else location
    periods.check_changed(period, standing, place, at=at)
    if period == before and not differs:
        return Saved(standing)
    standing.location, (standing.starts_at, standing.ends_at) = place, period
    for name, value in asdict(terms).items():
        setattr(standing, name, value)
    merged = _join(standing, at)
    gone = {standing.pk, *(one.pk for one in merged)}
    affected = affected_by_extra_hours(doctor=doctor, gone=gone, instead=standing, at=at)
    settled = settle(affected, decisions, by=by, at=at)
    saving.put(standing, merged)
    _record("extra_hours.changed", standing, merged, by=by, at=at, **settled)
    saving.tell(doctor, by=by, at=at)
    return Saved(standing, merged)


@transaction.atomic(durable=True)
def remove_extra_hours(
    *,
    extra: AvailabilityException,
    decisions: Mapping[UUID, Decision],
    by: User,
    at: datetime,
) -> AvailabilityException | None:
    """Remove extra hours that are to come; end those that have begun now.

    Args:
        decisions: what becomes of each appointment that is outside all hours then.

    Returns:
        The extra hours that have ended, or `None` when all of them are gone.

    Raises:
        Undecided: names the affected appointments without a decision; nothing was changed.
        IsOver, NoLongerThere: nothing was changed.
    """
    doctor, standing = saving.lock_both(extra)
    affected = affected_by_extra_hours(doctor=doctor, gone={standing.pk}, instead=None, at=at)
    left = saving.end_or_remove(standing, at=at)
    settled = settle(affected, decisions, by=by, at=at)
    action = "extra_hours.ended" if left else "extra_hours.removed"
    saving.record(action, standing, by=by, at=at, **settled)
    saving.tell(doctor, by=by, at=at)
    return left


def _join(extra: AvailabilityException, at: datetime) -> list[AvailabilityException]:
    """Stretch extra hours over those that can be one with them; give these."""
    _check_fit(extra)
    _check_leave(extra, at)
    others = saving.overlapping(extra)
    for other in others:
        if (other.location_id, VisitTerms.of(other)) != (extra.location_id, VisitTerms.of(extra)):
            raise ExtraHoursOverlap(other, extra.doctor, at)
    saving.stretch(extra, others)
    periods.check_length(extra)
    return others


def _check_fit(extra: AvailabilityException) -> None:
    minutes = (extra.ends_at - extra.starts_at) // _MINUTE
    terms = VisitTerms.of(extra)
    visit = terms.slot_duration_minutes
    if minutes < visit:
        text = gettext("This is shorter than one visit of %(visit)s minutes.")
        raise DoesNotFit(text % {"visit": visit})
    if not terms.buffer_minutes and minutes % visit:
        text = gettext(
            "This does not fit visits of %(visit)s minutes: %(rest)s minutes would be left over."
        )
        raise DoesNotFit(text % {"visit": visit, "rest": minutes % visit})


def _check_leave(extra: AvailabilityException, at: datetime) -> None:
    leave = AvailabilityException.objects.filter(
        doctor=extra.doctor_id,
        kind=AvailabilityException.Kind.CLOSED,
        starts_at__lte=extra.starts_at,
        ends_at__gte=extra.ends_at,
    ).select_related("location")
    for one in leave:
        if one.location_id in {None, extra.location_id}:
            raise OpensNothing(one, extra.doctor, at)


def _when(exception: AvailabilityException, doctor: Doctor, at: datetime) -> str:
    zone = ZoneInfo((exception.location or doctor).timezone)
    span = wording.span(
        exception.starts_at.astimezone(zone),
        exception.ends_at.astimezone(zone),
        year=at.astimezone(zone).year,
    )
    return f"{span} at {exception.location.name}" if exception.location else span


def _record(
    action: str,
    extra: AvailabilityException,
    merged: list[AvailabilityException],
    *,
    by: User,
    at: datetime,
    **details: object,
) -> None:
    for other in merged:
        saving.record("extra_hours.joined", other, by=by, at=at, into=str(extra.pk))
    saving.record(action, extra, by=by, at=at, **details)
