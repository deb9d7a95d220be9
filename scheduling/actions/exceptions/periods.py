"""When leave and extra hours may be, and what is said when they may not."""

from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation
from scheduling.actions.hours import MOST_AHEAD
from scheduling.models import AvailabilityException

LONGEST_LEAVE = timedelta(days=366)
LONGEST_EXTRA_HOURS = timedelta(hours=24)
_LONGEST = {
    AvailabilityException.Kind.CLOSED: (LONGEST_LEAVE, _("Leave lasts a year at most.")),
    AvailabilityException.Kind.EXTRA: (
        LONGEST_EXTRA_HOURS,
        _("Extra hours last 24 hours at most."),
    ),
}


class PeriodRefused(Refused):
    """The period cannot be; nothing was changed.

    `field` names the end of the period that is wrong: `starts_at` or `ends_at`.
    """

    field = "ends_at"


class EndsBeforeStart(PeriodRefused):
    """The period has no length; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("The end must be after the start."))


class LastsTooLong(PeriodRefused):
    """The period, with what it overlaps, is longer than anybody plans; nothing was changed."""


class IsOver(PeriodRefused):
    """The period is over, and what is over stays as it was; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("This time is over already."))


class TooFarAhead(PeriodRefused):
    """The period ends in a time that nobody plans for; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("It can be within two years from today."))


class BeginsBeforeToday(PeriodRefused):
    """The period would change days that are over; nothing was changed."""

    field = "starts_at"

    def __init__(self) -> None:
        super().__init__(gettext("It can begin today at the earliest."))


class HasBegun(PeriodRefused):
    """The period has begun, and more than its end would change; nothing was changed."""

    field = "starts_at"

    def __init__(self) -> None:
        super().__init__(gettext("It has begun, so only its end can change."))


class Period(NamedTuple):
    """Whole minutes, `[starts_at, ends_at)`."""

    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, starts_at: datetime, ends_at: datetime) -> "Period":
        """Take two aware instants without their seconds, which no page shows."""
        return cls(minute_of(starts_at), minute_of(ends_at))

    @classmethod
    def standing(cls, exception: AvailabilityException) -> "Period":
        """Take the period of leave or extra hours as it stands."""
        return cls(exception.starts_at, exception.ends_at)


def minute_of(instant: datetime) -> datetime:
    """Give the minute in which an instant is."""
    return instant.replace(second=0, microsecond=0)


def check_new(
    period: Period, *, doctor: Doctor, location: DoctorLocation | None, at: datetime
) -> None:
    """Refuse a period that begins before today at its place, or cannot be for another reason.

    Raises:
        PeriodRefused: says which end is wrong.
    """
    zone = ZoneInfo(location.timezone if location else doctor.timezone)
    today = datetime.combine(at.astimezone(zone).date(), time(0), tzinfo=zone)
    if period.ends_at <= period.starts_at:
        raise EndsBeforeStart
    if period.starts_at < today:
        raise BeginsBeforeToday
    check_end(period, at=at)


def check_changed(
    period: Period,
    standing: AvailabilityException,
    location: DoctorLocation | None,
    *,
    at: datetime,
) -> None:
    """Refuse another period for what stands; once it has begun, its end alone counts.

    Raises:
        PeriodRefused: says which end is wrong.
    """
    if standing.starts_at > at:
        check_new(period, doctor=standing.doctor, location=location, at=at)
    elif period.ends_at <= period.starts_at:
        raise EndsBeforeStart
    else:
        check_end(period, at=at)


def check_end(period: Period, *, at: datetime) -> None:
    """Refuse a period that ends before now, or in a time that nobody plans for.

    Raises:
        IsOver, TooFarAhead: nothing was changed.
    """
    if period.ends_at < minute_of(at):
        raise IsOver
    if period.ends_at > at + MOST_AHEAD:
        raise TooFarAhead


def check_length(exception: AvailabilityException) -> None:
    """Refuse leave or extra hours that last too long, with what they were joined with.

    Raises:
        LastsTooLong: nothing was changed.
    """
    longest, text = _LONGEST[AvailabilityException.Kind(exception.kind)]
    if exception.ends_at - exception.starts_at > longest:
        raise LastsTooLong(str(text))
