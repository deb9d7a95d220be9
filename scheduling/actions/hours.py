from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from itertools import combinations
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext, override

from registry import ledger
from registry.actions import versions
from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation, User
from scheduling import openings, wording
from scheduling.actions import decisions as deciding
from scheduling.actions.decisions import NOTHING_DECIDED, Decision
from scheduling.models import Appointment, Availability, DayOfWeek, Mode

MOST_AHEAD = timedelta(days=2 * 366)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_WEEK_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class HoursWindow:
    """One period of a weekday, in the wall time of its place; see `Availability`."""

    day_of_week: int
    start_time: time
    end_time: time
    slot_duration_minutes: int = 15
    capacity: int = 1
    buffer_minutes: int = 0
    mode: str = Mode.IN_PERSON

    def __str__(self) -> str:
        day = DayOfWeek(self.day_of_week).label
        return f"{day} {wording.period(self.start_time, self.end_time)}"

    @property
    def is_overnight(self) -> bool:
        """Tell whether the end is on the next day."""
        return self.end_time <= self.start_time

    def meets(self, other: "HoursWindow") -> bool:
        """Tell whether both share a minute of the week; as the database's `week_minutes`."""
        return any(
            max(mine.start, theirs.start) < min(mine.stop, theirs.stop)
            for mine in self._week_minutes()
            for theirs in other._week_minutes()  # noqa: SLF001  Its own class.
        )

    def _week_minutes(self) -> list[range]:
        opens = self.day_of_week * 24 * 60 + self.start_time.hour * 60 + self.start_time.minute
        closes = opens + wording.length_of(self.start_time, self.end_time) // _MINUTE
        return [range(opens, closes), range(opens - _WEEK_MINUTES, closes - _WEEK_MINUTES)]


@dataclass(frozen=True)
class HoursProblem:
    """What is wrong with the window at this position in the list that was given."""

    position: int
    text: str


class HoursRefused(Refused):
    """Some windows cannot stand; nothing was changed."""

    def __init__(self, problems: list[HoursProblem]) -> None:
        self.problems = problems
        super().__init__(" ".join(problem.text for problem in problems))


class StartsInThePast(Refused):
    """The hours would change days that are over; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("Hours can start today at the earliest."))


class StartsTooLate(Refused):
    """The hours would start in a time that nobody plans for; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("Hours can start within two years from today."))


class PlaceClosed(Refused):
    """The place is not in use, or not this doctor's; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(gettext("This place is not in use."))


@dataclass(frozen=True)
class DatedWindow:
    """A window with the local dates on which it begins."""

    window: HoursWindow
    valid_from: date
    valid_to: date | None

    @classmethod
    def of(cls, row: Availability) -> "DatedWindow":
        """Take a row's shape and dates."""
        return cls(_shape(row), row.valid_from, row.valid_to)

    def meets(self, other: "DatedWindow") -> bool:
        """Tell whether both share a minute of some date; as `availability_windows_apart`."""
        mine, theirs = self._last_date(), other._last_date()  # noqa: SLF001  Its own class.
        return (
            (theirs is None or self.valid_from < theirs)
            and (mine is None or other.valid_from < mine)
            and self.window.meets(other.window)
        )

    def _last_date(self) -> date | None:
        """Give the first date without any of its minutes; as the database's `window_dates`."""
        if self.valid_to is None:
            return None
        return self.valid_to + (_DAY if self.window.is_overnight else timedelta(0))


@transaction.atomic(durable=True)
def set_weekly_hours(
    *,
    doctor: Doctor,
    location: DoctorLocation,
    windows: Sequence[HoursWindow],
    effective_from: date,
    decisions: Mapping[UUID, Decision] = NOTHING_DECIDED,
    by: User,
    at: datetime,
) -> list[Availability]:
    """Make these the weekly hours at one place from a date on; days before it stay as they were.

    Hours at other places stand. Windows that are wanted and already there are left alone, and
    hours that do not change at all record nothing.

    Args:
        effective_from: date at the place, from today there to `MOST_AHEAD` later.
        decisions: what becomes of each appointment that is outside all hours then.
        at: aware instant of the change.

    Raises:
        Undecided: names the affected appointments without a decision; nothing was changed.
        HoursRefused: names each window that has no length, does not fit its slots or overlaps
            another, here or at another place.
        StartsInThePast, StartsTooLate, PlaceClosed: nothing was changed.
    """
    standing = versions.lock(doctor)
    change = _planned(standing, location, windows, effective_from, at)
    if not change.is_needed:
        return change.in_force
    settled = deciding.settle(change.affected(at), decisions, by=by, at=at)
    change.save()
    versions.stamp(standing, by=by, at=at)
    ledger.record(
        "availability.updated",
        subject=standing,
        by=by,
        at=at,
        location_id=str(location.pk),
        effective_from=effective_from.isoformat(),
        windows=_noted(windows),
        **settled,
    )
    versions.tell("availability.updated", standing, at=at)
    openings.refresh_all(doctor_id=standing.pk, at=at)
    return change.in_force


def affected_by_hours(
    *,
    doctor: Doctor,
    location: DoctorLocation,
    windows: Sequence[HoursWindow],
    effective_from: date,
    at: datetime,
) -> list[Appointment]:
    """List the appointments to come that are in the hours now and would no longer be.

    Args:
        windows, effective_from, at: as `set_weekly_hours`.

    Raises:
        HoursRefused, StartsInThePast, StartsTooLate, PlaceClosed: as `set_weekly_hours`.
    """
    return _planned(doctor, location, windows, effective_from, at).affected(at)


def _planned(
    doctor: Doctor,
    location: DoctorLocation,
    windows: Sequence[HoursWindow],
    effective_from: date,
    at: datetime,
) -> "_Change":
    place = DoctorLocation.objects.filter(pk=location.pk, doctor=doctor, is_active=True).first()
    if place is None:
        raise PlaceClosed
    today = at.astimezone(ZoneInfo(place.timezone)).date()
    if effective_from < today:
        raise StartsInThePast
    if effective_from > today + MOST_AHEAD:
        raise StartsTooLate
    _refuse([*_misfits(windows), *_overlaps_within(windows)])
    change = _Change(doctor, place, windows, effective_from)
    _refuse(list(change.overlaps()))
    return change


def _refuse(problems: list[HoursProblem]) -> None:
    if problems:
        raise HoursRefused(problems)


def _misfits(windows: Sequence[HoursWindow]) -> Iterator[HoursProblem]:
    for position, window in enumerate(windows):
        minutes = wording.length_of(window.start_time, window.end_time) // _MINUTE
        visit = window.slot_duration_minutes
        if window.start_time == window.end_time:
            text = gettext("%(window)s: the end must differ from the start.")
            yield HoursProblem(position, text % {"window": window})
        elif minutes < visit:
            text = gettext("%(window)s is shorter than one visit of %(visit)s minutes.")
            yield HoursProblem(position, text % {"window": window, "visit": visit})
        elif not window.buffer_minutes and minutes % visit:
            text = gettext(
                "%(window)s does not fit visits of %(visit)s minutes: "
                "%(rest)s minutes would be left over."
            )
            words = {"window": window, "visit": visit, "rest": minutes % visit}
            yield HoursProblem(position, text % words)


def _overlaps_within(windows: Sequence[HoursWindow]) -> Iterator[HoursProblem]:
    for (_, first), (position, second) in combinations(enumerate(windows), 2):
        if first.meets(second):
            text = gettext("%(second)s overlaps %(first)s.")
            yield HoursProblem(position, text % {"second": second, "first": first})


class _Change:
    """What must be closed, removed and added, so that wanted windows hold from a date on."""

    def __init__(
        self,
        doctor: Doctor,
        place: DoctorLocation,
        windows: Sequence[HoursWindow],
        effective_from: date,
    ) -> None:
        self.doctor, self.effective_from = doctor, effective_from
        rows = list(
            Availability.objects.filter(
                Q(valid_to=None) | Q(valid_to__gte=effective_from), doctor=doctor, is_active=True
            ).select_related("location")
        )
        self.windows_before = deciding.windows_of(rows)
        wanted = dict(enumerate(windows))
        self.kept: list[Availability] = []
        self.closed: list[Availability] = []
        self.removed: list[Availability] = []
        self.elsewhere = [row for row in rows if row.location_id != place.pk]
        for row in rows:
            if row.location_id == place.pk:
                self._sort_out(row, wanted)
        self.added = {
            position: Availability(
                doctor=doctor,
                location=place,
                valid_from=self._first_date(window),
                **asdict(window),
            )
            for position, window in wanted.items()
        }

    @property
    def is_needed(self) -> bool:
        return bool(self.added or self.closed or self.removed)

    @property
    def in_force(self) -> list[Availability]:
        return sorted(
            [*self.kept, *self.added.values()], key=lambda row: (row.day_of_week, row.start_time)
        )

    def affected(self, at: datetime) -> list[Appointment]:
        """List the appointments to come that would be outside the hours, and are not yet."""
        after = [*self.elsewhere, *self.closed, *self.kept, *self.added.values()]
        extras = deciding.extra_hours_to_come(self.doctor, at)
        return deciding.left_outside(
            doctor=self.doctor,
            before=deciding.open_time(self.windows_before, extras),
            after=deciding.open_time(deciding.windows_of(after), extras),
            at=at,
        )

    def overlaps(self) -> Iterator[HoursProblem]:
        """Find what the database would refuse, with words for it."""
        others = [*self.elsewhere, *self.closed, *self.kept]
        for position, row in self.added.items():
            for other in others:
                if DatedWindow.of(row).meets(DatedWindow.of(other)):
                    yield HoursProblem(position, _overlap(row, other))

    def save(self) -> None:
        Availability.objects.filter(pk__in=[row.pk for row in self.removed]).delete()
        for row in self.closed:
            row.save(update_fields=["valid_to"])
        Availability.objects.bulk_create(self.added.values())

    def _sort_out(self, row: Availability, wanted: dict[int, HoursWindow]) -> None:
        same = [position for position, window in wanted.items() if window == _shape(row)]
        begins_in_time = row.valid_from <= max(self.effective_from, self._first_date(_shape(row)))
        if same and row.valid_to is None and begins_in_time:
            del wanted[same[0]]
            self.kept.append(row)
            return
        ends = self._end_date(_shape(row))
        if row.valid_to is not None:
            ends = min(ends, row.valid_to)
        if ends <= row.valid_from:
            self.removed.append(row)
        elif ends != row.valid_to:
            row.valid_to = ends
            self.closed.append(row)
        else:
            self.elsewhere.append(row)

    # The dates of a night are trimmed to when it begins. Its last morning is a day after them,
    # so that old and new validity would otherwise seem to meet where no two nights do.

    def _first_date(self, window: HoursWindow) -> date:
        if not window.is_overnight:
            return self.effective_from
        wait = (window.day_of_week - self.effective_from.weekday()) % 7
        return self.effective_from + timedelta(days=wait)

    def _end_date(self, window: HoursWindow) -> date:
        if not window.is_overnight:
            return self.effective_from
        since = (self.effective_from - _DAY).weekday() - window.day_of_week
        return self.effective_from - timedelta(days=since % 7)


def _noted(windows: Sequence[HoursWindow]) -> list[str]:
    """Put windows into words for the audit log, which is English whoever reads the pages."""
    with override("en"):
        return [str(window) for window in windows]


def _overlap(row: Availability, other: Availability) -> str:
    words = {"second": _shape(row), "first": _shape(other), "place": other.location.name}
    text = gettext("%(second)s overlaps %(first)s at %(place)s.")
    if other.valid_to:
        words["until"] = wording.full_date(other.valid_to)
        text = gettext("%(second)s overlaps %(first)s at %(place)s until %(until)s.")
    if row.location.timezone == other.location.timezone:
        return text % words
    differ = gettext("Hours at places in different time zones must differ on the clock too.")
    return f"{text % words} {differ}"


def _shape(row: Availability) -> HoursWindow:
    return HoursWindow(
        row.day_of_week,
        row.start_time,
        row.end_time,
        row.slot_duration_minutes,
        row.capacity,
        row.buffer_minutes,
        row.mode,
    )
