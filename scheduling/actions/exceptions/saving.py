"""What every change of leave and extra hours does alike."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError
from django.utils.translation import gettext

from registry import ledger
from registry.actions import versions
from registry.actions.refusals import Refused, constraint_of
from registry.models import Doctor, DoctorLocation, User
from scheduling import openings
from scheduling.actions.exceptions.periods import HasBegun, IsOver, Period, minute_of
from scheduling.actions.hours import PlaceClosed
from scheduling.models import AvailabilityException

_APART = {"leave_periods_apart", "extra_hours_apart"}


@dataclass(frozen=True)
class Saved:
    """Leave or extra hours as they stand now.

    Args:
        merged: others that overlapped and are part of it now, as they were.
    """

    exception: AvailabilityException
    merged: list[AvailabilityException] = field(default_factory=list)


class NoLongerThere(Refused):
    """Somebody has removed it, or joined it with another; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            gettext("It is no longer there: somebody removed it or joined it with another.")
        )


class ChangedMeanwhile(Refused):
    """The database holds hours that overlap, which came without a lock; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("Somebody else was changing these hours. Please try again."))


def lock_both(exception: AvailabilityException) -> tuple[Doctor, AvailabilityException]:
    """Keep others from changing a doctor's hours; give the doctor, and the exception read anew.

    Raises:
        NoLongerThere: nothing was changed.
    """
    doctor = versions.lock(exception.doctor)
    rows = AvailabilityException.objects.select_related("location")
    standing = rows.filter(pk=exception.pk, kind=exception.kind).first()
    if standing is None:
        raise NoLongerThere
    return doctor, standing


def place_of(doctor: Doctor, location: DoctorLocation) -> DoctorLocation:
    """Give the doctor's own place, which is in use.

    Raises:
        PlaceClosed: nothing was changed.
    """
    place = DoctorLocation.objects.filter(pk=location.pk, doctor=doctor, is_active=True).first()
    if place is None:
        raise PlaceClosed
    return place


def check_changeable(
    standing: AvailabilityException, period: Period, *, moves: bool, at: datetime
) -> None:
    """Refuse to change what is over, and of what has begun anything but its end.

    Args:
        period: the one that is wanted.
        moves: whether the place is to change, or how the time is cut into visits.

    Raises:
        IsOver, HasBegun: nothing was changed.
    """
    if standing.ends_at <= at:
        raise IsOver
    if standing.starts_at <= at and (moves or period.starts_at != standing.starts_at):
        raise HasBegun


def overlapping(exception: AvailabilityException) -> list[AvailabilityException]:
    """List the others of the doctor and kind that share time with it, in the order of time."""
    rows = AvailabilityException.objects.filter(
        doctor=exception.doctor_id, kind=exception.kind
    ).touching(exception.starts_at, exception.ends_at)
    return list(
        rows.exclude(pk=exception.pk).select_related("location").order_by("starts_at", "pk")
    )


def stretch(exception: AvailabilityException, others: Iterable[AvailabilityException]) -> None:
    """Let it last from the first start of all to the last end; nothing is saved."""
    every = [exception, *others]
    exception.starts_at = min(one.starts_at for one in every)
    exception.ends_at = max(one.ends_at for one in every)


def put(exception: AvailabilityException, merged: Iterable[AvailabilityException]) -> None:
    """Save leave or extra hours in the place of those that are part of it now.

    Raises:
        ChangedMeanwhile: nothing was changed.
    """
    AvailabilityException.objects.filter(pk__in=[one.pk for one in merged]).delete()
    try:
        exception.save()
    except IntegrityError as error:
        if constraint_of(error) in _APART:
            raise ChangedMeanwhile from error
        raise


def end_or_remove(standing: AvailabilityException, *, at: datetime) -> AvailabilityException | None:
    """End what has begun in this minute, remove what has not; give what is left of it.

    Raises:
        IsOver: nothing was changed.
    """
    if standing.ends_at <= at:
        raise IsOver
    now = minute_of(at)
    if now <= standing.starts_at:
        AvailabilityException.objects.filter(pk=standing.pk).delete()
        return None
    standing.ends_at = now
    standing.save(update_fields=["ends_at", "updated_at"])
    return standing


def tell(doctor: Doctor, *, by: User, at: datetime) -> None:
    """Stamp a locked doctor, tell insurers, and bring the open days in line."""
    versions.stamp(doctor, by=by, at=at)
    versions.tell("availability.updated", doctor, at=at)
    openings.refresh_all(doctor_id=doctor.pk, at=at)


def record(
    action: str, exception: AvailabilityException, *, by: User, at: datetime, **details: object
) -> None:
    """Keep what became of leave or extra hours; never the reason, which is the doctor's own."""
    place = exception.location_id
    ledger.record(
        action,
        subject=exception,
        by=by,
        at=at,
        location_id=str(place) if place else None,
        starts_at=exception.starts_at.isoformat(),
        ends_at=exception.ends_at.isoformat(),
        **details,
    )
