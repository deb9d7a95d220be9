import re
from collections.abc import Iterable
from datetime import date, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from scheduling import wording
from scheduling.actions import HoursRefused, HoursWindow
from scheduling.forms.terms import TERMS, TermsForm, usual_terms
from scheduling.forms.times import WallTimeField, read_time
from scheduling.models import Availability, DayOfWeek, Mode

# What one period holds, as typed; and the periods of each day from Monday.
Typed = dict[str, str]
Week = list[list[Typed]]

MOST_PERIODS = 8
MOST_DAYS_TOLD = 3
PRESETS = {
    "morning": (_("Morning 9am to 1pm"), [("09:00", "13:00")]),
    "evening": (_("Evening 5pm to 8pm"), [("17:00", "20:00")]),
    "both": (_("Morning and evening"), [("09:00", "13:00"), ("17:00", "20:00")]),
    "closed": (_("Closed"), []),
}
# Not "remove": a button of that name would hide the form's own method, which htmx calls.
_COMMANDS = ["add", "drop", "copy", "preset", "recount"]
_START = re.compile(r"([0-6])-(\d{1,3})-start_time")


def is_editing(data: QueryDict) -> bool:
    """Tell whether a button changes what is on the page, rather than saving it."""
    return any(command in data for command in _COMMANDS)


class VisitsForm(TermsForm):
    """What holds for all periods that say nothing else, and from when."""

    effective_from = forms.DateField(
        label=_("These hours hold from"),
        help_text=_("Days before it stay as they were."),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    field_order = ["effective_from", *TERMS]


class PeriodForm(forms.Form):
    """One period of a day; empty terms are those of `VisitsForm`."""

    start_time = WallTimeField(error_messages={"required": _("Enter when it starts, such as 9am.")})
    end_time = WallTimeField(error_messages={"required": _("Enter when it ends, such as 1pm.")})
    slot_duration_minutes = forms.IntegerField(min_value=5, max_value=240, required=False)
    capacity = forms.IntegerField(min_value=1, max_value=50, required=False)
    buffer_minutes = forms.IntegerField(min_value=0, max_value=120, required=False)
    mode = forms.ChoiceField(choices=[("", _("As above")), *Mode.choices], required=False)

    def __init__(self, typed: Typed, *, day: int, number: int, checked: bool) -> None:
        prefix = f"{day}-{number}"
        given = {f"{prefix}-{name}": value for name, value in typed.items()}
        super().__init__(given if checked else None, initial=typed, prefix=prefix)
        self.day, self.typed = day, typed
        words = {"day": DayOfWeek(day).label, "number": number + 1}
        self.title = gettext("%(day)s, period %(number)s") % words
        self.remove = gettext("Remove %(period)s") % {"period": self.title}
        self.differs = any(typed.get(name) for name in TERMS)
        for name, label in [
            ("start_time", pgettext("of a period", "from")),
            ("end_time", pgettext("of a period", "to")),
            ("slot_duration_minutes", gettext("minutes for each visit")),
            ("capacity", gettext("patients at the same time")),
            ("buffer_minutes", gettext("minutes of break")),
            ("mode", gettext("how you meet")),
        ]:
            self.fields[name].label = f"{self.title}, {label}"

    @property
    def own_terms(self) -> list[tuple[str, forms.BoundField]]:
        """List the fields that may differ from the week's, each with its short label."""
        return [(str(VisitsForm.base_fields[name].label), self[name]) for name in TERMS]

    @property
    def hours(self) -> tuple[time, time] | None:
        """Give start and end, if both can be read and differ."""
        start, end = (read_time(self.typed.get(name, "")) for name in ("start_time", "end_time"))
        return None if start is None or end is None or start == end else (start, end)

    @property
    def length(self) -> timedelta:
        """Give how long it lasts; nothing while it cannot be read."""
        return wording.length_of(*self.hours) if self.hours else timedelta(0)

    @property
    def echo(self) -> str:
        """Say what was understood, such as `9am to 1pm, 4 hours`."""
        if self.hours is None:
            return ""
        return f"{wording.period(*self.hours)}, {wording.duration(self.length)}"

    def window(self, usual: dict[str, Any]) -> HoursWindow:
        """Give a valid period as the action takes it."""
        own = {name: self.cleaned_data[name] for name in TERMS}
        return HoursWindow(
            self.day,
            self.cleaned_data["start_time"],
            self.cleaned_data["end_time"],
            **{name: usual[name] if own[name] in {None, ""} else own[name] for name in TERMS},
        )


class Day:
    """One day's periods, as the page shows them."""

    def __init__(self, number: int, periods: list[Typed], *, checked: bool) -> None:
        self.number, self.name = number, DayOfWeek(number).label
        # What the buttons say of the day to those who do not see where they stand.
        words = {"day": self.name}
        self.names = {
            "to": gettext(" to %(day)s") % words,
            "on": gettext(" on %(day)s") % words,
            "copy": gettext(" %(day)s to these days") % words,
        }
        self.focus = ""
        self.periods = [
            PeriodForm(typed, day=number, number=count, checked=checked)
            for count, typed in enumerate(periods)
        ]

    @property
    def length(self) -> timedelta:
        """Give how long the doctor is there in all."""
        return sum((period.length for period in self.periods), timedelta(0))

    @property
    def total(self) -> str:
        """Give that in words."""
        return wording.duration(self.length)

    @property
    def can_grow(self) -> bool:
        """Tell whether one more period may be added."""
        return len(self.periods) < MOST_PERIODS


class HoursForm:
    """A week of hours at one place: the form of many forms behind the page."""

    presets = [(key, label) for key, (label, _) in PRESETS.items()]

    def __init__(self, week: Week, visits: VisitsForm) -> None:
        self.visits = visits
        self.days = [
            Day(number, periods, checked=visits.is_bound) for number, periods in enumerate(week)
        ]
        self.periods = [period for day in self.days for period in day.periods]
        self.forms: list[forms.Form] = [visits, *self.periods]

    @classmethod
    def of_rows(cls, rows: Iterable[Availability], *, effective_from: date) -> "HoursForm":
        """Show hours that stand; the terms that most periods share stand for the week."""
        rows = list(rows)
        usual = usual_terms(rows)
        week: Week = [[] for _ in DayOfWeek]
        for row in sorted(rows, key=lambda row: row.start_time):
            own = {name: str(getattr(row, name)) for name in TERMS}
            week[row.day_of_week].append(
                {
                    "start_time": f"{row.start_time:%H:%M}",
                    "end_time": f"{row.end_time:%H:%M}",
                    **({} if own == usual else own),
                }
            )
        return cls(week, VisitsForm(initial={**usual, "effective_from": effective_from}))

    @classmethod
    def edited(cls, data: QueryDict, *, focus: str) -> "HoursForm":
        """Show what was typed after add, remove, copy or preset; nothing is judged yet.

        Args:
            focus: attribute of what takes the focus: `autofocus`, or `data-autofocus` for a
                part of a page, in which browsers complain of the former.
        """
        typed = {name: data.get(name, "") for name in VisitsForm.base_fields}
        form = cls(_edit(_read(data), data), VisitsForm(initial=typed))
        form._focus(data, focus)
        return form

    @classmethod
    def to_save(cls, data: QueryDict) -> "HoursForm":
        """Take what was typed to be checked and saved."""
        return cls(_read(data), VisitsForm(data))

    @property
    def total(self) -> str:
        """Give the hours of the whole week in words."""
        return wording.duration(sum((day.length for day in self.days), timedelta(0)))

    def is_valid(self) -> bool:
        """Tell whether each field can be read; whether they fit each other the action says."""
        # Every form is asked, so that the page shows all mistakes at once.
        valid = [form.is_valid() for form in self.forms]
        return all(valid)

    def windows(self) -> list[HoursWindow]:
        """Give the periods as the action takes them, in the order of `periods`."""
        return [period.window(self.visits.cleaned_data) for period in self.periods]

    def changes_of(self, before: Iterable[Availability]) -> str:
        """Say which days differ from the hours before, such as `Tuesday is 9am to noon`."""
        old, new = _by_day(before), _by_day(self.windows())
        changed = [day for day in DayOfWeek if old[day] != new[day]]
        if not changed:
            return gettext("Nothing has changed.")
        if len(changed) > MOST_DAYS_TOLD:
            count = len(changed)
            several = ngettext("%(count)s day has changed.", "%(count)s days have changed.", count)
            return several % {"count": count}
        return " ".join(_day_in_words(day, new[day]) for day in changed)

    def show(self, refusal: HoursRefused) -> None:
        """Put what the action found beside the periods it is about."""
        for problem in refusal.problems:
            self.periods[problem.position].add_error("start_time", problem.text)

    def _focus(self, data: QueryDict, focus: str) -> None:
        """Let who has added go on typing there, and who has removed stay at that day."""
        for day in self.days:
            if data.get("drop", "").startswith(f"{day.number}-"):
                day.focus = focus
            if data.get("add") == str(day.number):
                day.periods[-1].fields["start_time"].widget.attrs[focus] = True


def _by_day(windows: Iterable[Availability | HoursWindow]) -> dict[int, list[tuple[Any, ...]]]:
    """Sort what the windows of each weekday say, by their start."""
    found: dict[int, list[tuple[Any, ...]]] = {day: [] for day in DayOfWeek}
    for one in windows:
        terms = (getattr(one, name) for name in TERMS)
        found[one.day_of_week].append((one.start_time, one.end_time, *terms))
    return {day: sorted(periods) for day, periods in found.items()}


def _day_in_words(day: DayOfWeek, periods: list[tuple[Any, ...]]) -> str:
    if not periods:
        return gettext("%(day)s is closed now.") % {"day": day.label}
    hours = wording.listed(wording.period(start, end) for start, end, *_ in periods)
    return gettext("%(day)s is %(hours)s now.") % {"day": day.label, "hours": hours}


def _read(data: QueryDict) -> Week:
    week: Week = [[] for _ in DayOfWeek]
    found = (_START.fullmatch(name) for name in data)
    numbered = sorted((int(one[1]), int(one[2])) for one in found if one)
    for day, number in numbered:
        names = PeriodForm.base_fields
        week[day].append({name: data.get(f"{day}-{number}-{name}", "") for name in names})
    return [periods[:MOST_PERIODS] for periods in week]


def _edit(week: Week, data: QueryDict) -> Week:
    """Apply the button that was pressed; a button that the page never had changes nothing."""
    for command, change in (("add", _add), ("drop", _drop), ("copy", _copy), ("preset", _set)):
        found = re.fullmatch(r"([0-6])-?(\w*)", data.get(command, ""))
        if found:
            change(week, int(found[1]), found[2], data)
    return week


def _add(week: Week, day: int, _: str, __: QueryDict) -> None:
    if len(week[day]) < MOST_PERIODS:
        week[day].append({"start_time": "", "end_time": ""})


def _drop(week: Week, day: int, number: str, _: QueryDict) -> None:
    if number.isdecimal() and int(number) < len(week[day]):
        del week[day][int(number)]


def _copy(week: Week, day: int, _: str, data: QueryDict) -> None:
    for chosen in data.getlist(f"copy-{day}"):
        if re.fullmatch(r"[0-6]", chosen):
            week[int(chosen)] = [dict(period) for period in week[day]]


def _set(week: Week, day: int, name: str, _: QueryDict) -> None:
    if name == "monday":
        week[day] = [dict(period) for period in week[DayOfWeek.MONDAY]]
    elif name in PRESETS:
        week[day] = [{"start_time": start, "end_time": end} for start, end in PRESETS[name][1]]
