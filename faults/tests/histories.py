"""Histories for the checker: good ones, and damages that it must find."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from faults.history import (
    COMMITTED,
    FEED,
    ROLLED_BACK,
    UNKNOWN,
    Change,
    Entry,
    Heard,
    Killed,
    Listens,
    Withdrew,
    Wrote,
    of_kind,
)

DOCTORS = ("asha", "ravi", "meera")
LEFT = "ravi"
ACME_FEED = Listens("feed of acme", "acme", DOCTORS, FEED)
ACME = Listens("endpoint of acme", "acme", DOCTORS)
ZEN = Listens("endpoint of zen", "zen", DOCTORS[:2])
LISTENERS = (ACME_FEED, ACME, ZEN)
History = Sequence[Entry]


def wrote(doctor: str, version: int, outcome: str = COMMITTED, at: float = 1.0) -> Wrote:
    """Give a write of that version, known half a second after its commit began."""
    return Wrote(Change(f"doctor/{doctor}", version), doctor, outcome, at - 0.5, at)


def heard(one: Listens, of: Wrote, number: int, at: float = 2.0) -> Heard:
    """Give how a listener accepted a write."""
    message = f"evt_{of.change.type}_{of.doctor}_{of.change.version}"
    return Heard(one.listener, of.change, of.doctor, message, number, at)


def revoked(doctor: str) -> Wrote:
    """Give what only acme is told, and must be, when a doctor withdraws."""
    change = Change(f"consent/{doctor}", 2, "consent.revoked")
    return Wrote(change, doctor, COMMITTED, 50.0, 50.1, insurer="acme", has_data=False)


def good_history(writes: Sequence[Wrote], *, kills: int = 0) -> list[Entry]:
    """Tell every listener of what concerns it, in the order of the writes."""
    entries: list[Entry] = [*LISTENERS, *writes, *(Killed("worker", 1.0) for _ in range(kills))]
    for one in LISTENERS:
        of_interest = [
            write
            for write in writes
            if write.outcome == COMMITTED
            and write.doctor in one.doctors
            and write.insurer in {"", one.insurer}
        ]
        entries += [
            heard(one, write, number, write.at + 0.1)
            for number, write in enumerate(of_interest, start=1)
        ]
    return entries


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Draw a good history in which each doctor changed at least twice; some end in a withdrawal."""
    writes: list[Wrote] = []
    versions = dict.fromkeys(DOCTORS, 0)
    outcomes = st.sampled_from([COMMITTED, COMMITTED, ROLLED_BACK, UNKNOWN])
    changes = draw(st.lists(st.tuples(st.sampled_from(DOCTORS), outcomes), max_size=20))
    at_least = [(doctor, COMMITTED) for doctor in DOCTORS * 2]
    for at, (doctor, outcome) in enumerate([*at_least, *changes], start=1):
        versions[doctor] += 1
        writes.append(wrote(doctor, versions[doctor], outcome, float(at)))
    if not draw(st.booleans()):
        return good_history(writes)
    history = good_history([*writes, revoked(LEFT)])
    return [*history, Withdrew("acme", LEFT, 50.1)]


def lose(history: History, chance: Random) -> list[Entry]:
    """Let a listener never hear something that nobody withdrew."""
    staying = [one for one in of_kind(history, Heard) if one.doctor != LEFT]
    victim = chance.choice(staying)
    return [entry for entry in history if entry is not victim]


def leave_a_gap(history: History, chance: Random) -> list[Entry]:
    """Leave out a number of the feed, so that all later ones are one higher."""
    numbers = [one.number for one in of_kind(history, Heard) if one.listener == ACME_FEED.listener]
    gap = chance.choice(numbers)
    return [
        replace(entry, number=entry.number + 1)
        if isinstance(entry, Heard) and entry.listener == ACME_FEED.listener and entry.number >= gap
        else entry
        for entry in history
    ]


def number_twice(history: History, chance: Random) -> list[Entry]:
    """Give two entries of the feed one number."""
    read = [one for one in of_kind(history, Heard) if one.listener == ACME_FEED.listener]
    first, second = chance.sample(read, 2)
    return [replace(second, number=first.number) if e is second else e for e in history]


def send_as_another(history: History, chance: Random) -> list[Entry]:
    """Let an event come once more as if it were another one."""
    victim = chance.choice(of_kind(history, Heard))
    again = replace(victim, message_id="evt_other", number=victim.number + 1000, at=victim.at + 0.1)
    return [*history, again]


def repeat(history: History, chance: Random) -> list[Entry]:
    """Let a webhook come twice though nobody was killed."""
    sent = [one for one in of_kind(history, Heard) if one.listener != ACME_FEED.listener]
    return [*history, chance.choice(sent)]


def swap(history: History, chance: Random) -> list[Entry]:
    """Let a listener hear two versions of a doctor the other way round."""
    one, doctor = chance.choice(LISTENERS), DOCTORS[0]
    earlier, later = chance.sample(
        [h for h in of_kind(history, Heard) if (h.listener, h.doctor) == (one.listener, doctor)], 2
    )
    swapped = {
        earlier: replace(earlier, number=later.number, at=later.at),
        later: replace(later, number=earlier.number, at=earlier.at),
    }
    return [swapped.get(e, e) if isinstance(e, Heard) else e for e in history]


def invent(history: History, chance: Random) -> list[Entry]:
    """Let a listener hear what was rolled back, or what nobody wrote."""
    rolled_back = [w for w in of_kind(history, Wrote) if w.outcome == ROLLED_BACK]
    one = chance.choice([ACME, ZEN])
    told = [w for w in rolled_back if w.doctor in one.doctors]
    invented = chance.choice([*told, wrote(DOCTORS[0], 99)])
    return [*history, heard(one, invented, 1000, at=100.0)]


def leak(history: History, chance: Random) -> list[Entry]:
    """Let an insurer hear of a doctor who has withdrawn, or never was its own."""
    stranger = wrote(DOCTORS[2], 99, UNKNOWN)
    late = wrote(LEFT, 99, UNKNOWN)
    if not of_kind(history, Withdrew) or chance.random() < 0.5:
        return [*history, stranger, heard(ZEN, stranger, 1000, at=100.0)]
    return [*history, late, heard(ACME, late, 1000, at=100.0)]


# Each with the verdict that it must get; others may come with it.
DAMAGES: dict[str, tuple[Callable[[History, Random], list[Entry]], str]] = {
    "an event is lost": (lose, "lost"),
    "the feed has a gap": (leave_a_gap, "lost"),
    "a number is given twice": (number_twice, "duplicated"),
    "an event comes as another": (send_as_another, "duplicated"),
    "an event comes again": (repeat, "duplicated"),
    "two versions are swapped": (swap, "reordered"),
    "an event is made up": (invent, "invented"),
    "data goes to whom it must not": (leak, "leaked"),
}
