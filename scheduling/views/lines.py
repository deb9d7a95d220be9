from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext

from scheduling import wording
from scheduling.diary import Entry
from scheduling.models import Appointment
from scheduling.slots import Reason
from scheduling.views import links
from scheduling.views.board import Board, State, end_of

_TAGS = {"open": "tag-ok", "leave": "tag-warn", "held": "tag-held", "closed": ""}


@dataclass(frozen=True)
class Line:
    """One line of the day list, in words: a time, or several in a row of which the same is true.

    `remarks` and `warning` say what else is to know; `why` and `leave` are addresses, or empty.
    """

    anchor: str
    hours: str
    place: str
    state: str
    tag: str
    appointments: tuple[Appointment, ...]
    remarks: tuple[str, ...]
    warning: str
    why: str
    leave: str


def lines_of(board: Board) -> list[Line]:
    """Give the lines of a day; times in a row that nobody has are one line."""
    return [_line(board, entries) for entries in _runs(board)]


def anchor(entry: Entry) -> str:
    """Name a line within its page."""
    return f"at-{entry.starts_at:%H%M}"


def _runs(board: Board) -> Iterator[list[Entry]]:
    run: list[Entry] = []
    for entry in board.entries:
        if run and not _goes_on(board, run[-1], entry):
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def _goes_on(board: Board, before: Entry, entry: Entry) -> bool:
    """Tell whether a line says the same as the one before, right after it."""
    if before.slot is None or entry.slot is None or before.appointments or entry.appointments:
        return False
    return (
        before.slot.starts_at + before.slot.terms.step == entry.slot.starts_at
        and before.slot.terms == entry.slot.terms
        and before.slot.reasons == entry.slot.reasons
        and board.state(before) == board.state(entry)
        and not (board.held(before) or board.held(entry))
    )


def _line(board: Board, run: list[Entry]) -> Line:
    first, last = run[0], run[-1]
    state = board.state(first)
    warning = _warning(first)
    is_free = state.kind == "open"
    return Line(
        anchor=anchor(first),
        hours=wording.from_to(wording.clock(first.starts_at), wording.clock(last.ends_at)),
        place=first.location.name,
        state=state.text,
        tag=_TAGS.get(state.kind, ""),
        appointments=first.appointments,
        remarks=tuple(_remarks(board, run, state)),
        warning=warning,
        why=links.why(first.starts_at, first.location.pk)
        if warning or not (is_free or first.appointments)
        else "",
        leave=links.leave(first.starts_at, last.ends_at) if is_free and board.may_change else "",
    )


def _remarks(board: Board, run: list[Entry], state: State) -> Iterator[str]:
    first = run[0]
    if first.slot is None:
        return
    if len(run) > 1:
        words = {"count": len(run), "minutes": first.slot.terms.slot_minutes}
        yield gettext("%(count)s times of %(minutes)s minutes") % words
    if first.slot.capacity > 1 and (first.appointments or state.kind == "open"):
        words = {"free": _free(run), "places": first.slot.capacity * len(run)}
        yield gettext("%(free)s of %(places)s places free") % words
    if state.kind != "held":
        one_held = gettext("1 place held until %(time)s")
        yield from (one_held % {"time": end_of(hold)} for hold in board.held(first))
    if first.appointments and board.is_extra(first):
        yield gettext("Extra hours")


def _free(run: Iterable[Entry]) -> int:
    return sum(entry.slot.free for entry in run if entry.slot)


def _warning(entry: Entry) -> str:
    """Say what has happened to the hours since somebody booked."""
    if not entry.appointments:
        return ""
    if entry.slot is None:
        return gettext("Outside your hours now")
    if Reason.ON_LEAVE in entry.slot.reasons:
        return gettext("You are on leave then")
    is_closed = Reason.PLACE_CLOSED in entry.slot.reasons
    return gettext("Place not in use now") if is_closed else ""
