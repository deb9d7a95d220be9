from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from django.urls import reverse
from django.utils.dateformat import format as formatted
from django.utils.translation import gettext

from scheduling import wording
from scheduling.diary import Entry
from scheduling.views import links
from scheduling.views.board import Board
from scheduling.views.lines import anchor


@dataclass(frozen=True)
class Link:
    """What a cell opens; `name` says all that a place in the table says to those who see it."""

    name: str
    text: str
    href: str


@dataclass(frozen=True)
class Cell:
    """One cell of the week; without links it says its name, which nobody sees."""

    name: str
    kind: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class DayColumn:
    """One column of the week, and one line of its list of days."""

    day: date
    title: str
    short: str
    summary: str
    is_open: bool
    is_today: bool


def columns(board: Board, days: list[date], today: date) -> list[DayColumn]:
    """Sum up each day."""
    return [_column(board, day, is_today=day == today) for day in days]


def rows(board: Board, days: list[date]) -> list[tuple[str, list[Cell]]]:
    """Give a row for each time at which something starts on one of the days."""
    times = sorted({entry.starts_at.time() for entry in board.entries})
    by_day = [(day, _on(board, day)) for day in days]
    return [
        (wording.clock(at), [_cell(board, day, at, entries) for day, entries in by_day])
        for at in times
    ]


def _on(board: Board, day: date) -> list[Entry]:
    return [entry for entry in board.entries if entry.starts_at.date() == day]


def _column(board: Board, day: date, *, is_today: bool) -> DayColumn:
    entries = _on(board, day)
    booked = sum(len(entry.appointments) for entry in entries)
    free = sum(entry.slot.free for entry in entries if entry.slot and not entry.slot.reasons)
    is_open = bool(booked or free)
    return DayColumn(
        day,
        title=wording.day_and_month(day),
        short=formatted(day, "D j"),
        summary=_counts(booked, free) if is_open else _why_closed(board, entries),
        is_open=is_open,
        is_today=is_today,
    )


def _counts(booked: int, free: int) -> str:
    return gettext("%(booked)s booked, %(free)s free") % {"booked": booked, "free": free}


def _why_closed(board: Board, entries: list[Entry]) -> str:
    """Say why nothing of a day is free, when it is one and the same reason."""
    states = {board.state(entry).text for entry in entries}
    return states.pop() if len(states) == 1 else gettext("nothing open")


def _cell(board: Board, day: date, at: time, entries: list[Entry]) -> Cell:
    """Describe a time of a day: who comes then, or else what starts then or lasts over it."""
    then = datetime.combine(day, at)
    name = f"{wording.day_and_month(day)}, {wording.clock(at)}"
    lasting = [one for one in entries if _wall(one.starts_at) <= then < _wall(one.ends_at)]
    if not lasting:
        outside = gettext("outside your hours")
        return Cell(name, "", (Link(f"{name}: {outside}", "", links.why(then)),))
    # Hours may have changed since somebody booked; who comes is never hidden by what is free now.
    first = min(lasting, key=lambda one: (not one.appointments, _wall(one.starts_at) < then))
    starts, state = _wall(first.starts_at), board.state(first)
    if starts < then:
        since = gettext("%(state)s since %(time)s")
        lasts = since % {"state": state.text, "time": wording.clock(starts)}
        return Cell(f"{name}: {lasts}", state.kind)
    told = [one for one in lasting if one.appointments and _wall(one.starts_at) == then] or [first]
    extra = " extra" if board.is_extra(first) else ""
    return Cell(
        name, state.kind + extra, tuple(link for one in told for link in _links(board, name, one))
    )


def _wall(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def _links(board: Board, name: str, entry: Entry) -> Iterator[Link]:
    """Give the way to each appointment; a time of several patients has one to itself as well."""
    state = board.state(entry)
    several = len(entry.appointments) > 1
    if several or not entry.appointments:
        text = state.text.partition(",")[0] if several else state.text
        yield Link(f"{name}: {state.text}", text, _target(board, entry, state.kind))
    for one in entry.appointments:
        address = reverse("scheduling:appointment", args=[one.pk])
        if several:
            who = f"{one.insurance_provider}, {one.external_appointment_id}"
            token = gettext("Token %(number)s") % {"number": one.token_number}
            yield Link(f"{name}: {who}, {token}", token, address)
        else:
            yield Link(f"{name}: {state.text}", str(one.insurance_provider), address)


def _target(board: Board, entry: Entry, kind: str) -> str:
    """Give where a time leads that is no single appointment: to leave, its reasons or its day."""
    if kind == "open" and board.may_change:
        return links.leave(entry.starts_at, entry.ends_at)
    if kind in {"open", "appt"}:
        day = reverse("scheduling:day", args=[entry.starts_at.date()])
        return f"{day}#{anchor(entry)}"
    return links.why(entry.starts_at, entry.location.pk)
