"""What is to be exact stays so when everybody comes at the same moment."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import time, timedelta
from functools import partial

import pytest
from django.db import connection

from consent.tests.factories import make_consent
from registry.models import OutboxEvent
from registry.tests.factories import NOW, make_location
from scheduling import actions
from scheduling.actions import locks
from scheduling.models import Appointment, Availability
from scheduling.tests.clinic import MINUTE, QUARTER, WEEK, Clinic, published
from scheduling.tests.factories import TUESDAY_AT_9, make_appointment, make_window
from scheduling.tests.races import at_once, outcome_after

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 20
STARTS = [TUESDAY_AT_9 + count * QUARTER for count in range(MANY)]


@pytest.fixture
def clinic() -> Clinic:
    return Clinic(end_time=(TUESDAY_AT_9 + timedelta(hours=10, minutes=30)).time())


def most_a_day(clinic: Clinic, most: int) -> None:
    actions.set_booking_rules(
        doctor=clinic.doctor,
        lead_time=timedelta(0),
        horizon=timedelta(days=60),
        most_per_day=most,
        by=clinic.user,
        at=NOW,
    )


def test_an_insurers_share_of_a_day_is_exact(clinic: Clinic) -> None:
    modest = clinic.new_insurer(max_open_bookings_per_day=5)

    outcomes = at_once([partial(clinic.book, start, provider=modest) for start in STARTS])

    assert Counter(outcomes) == {"done": 5, "TooManyBookings": MANY - 5}
    assert Appointment.objects.filter(insurance_provider=modest).count() == 5


@pytest.mark.parametrize("take", ["book", "hold"])
def test_a_doctor_is_booked_at_one_place_at_a_time(clinic: Clinic, take: str) -> None:
    outcomes = at_once(at_two_places(clinic, take))

    assert Counter(outcomes) == {"done": 1, "SlotTaken": 1}
    assert Appointment.objects.count() == 1


def test_without_the_constraint_a_doctor_is_booked_at_two_places(clinic: Clinic) -> None:
    """The twin: both have looked before either is booked, and each finds a lane."""
    with without_guard("appointment_at_one_place"):
        outcomes = at_once(at_two_places(clinic, "book"))

    assert outcomes == ["done", "done"]


def test_a_move_is_refused_when_the_doctor_is_booked_elsewhere_meanwhile(clinic: Clinic) -> None:
    booked = clinic.book(TUESDAY_AT_9 + 8 * QUARTER)
    _, in_dubai = at_two_places(clinic, "book")
    move = partial(
        actions.move,
        appointment=booked,
        start=TUESDAY_AT_9,
        location=clinic.place,
        by=clinic.user,
        at=NOW,
    )

    assert outcome_after(in_dubai, move) == "SlotTaken"

    booked.refresh_from_db()
    assert booked.appointment_time == TUESDAY_AT_9 + 8 * QUARTER


def at_two_places(clinic: Clinic, take: str) -> list[Callable[[], object]]:
    """Let two insurers want nine in India and half past seven in Dubai, which is the same."""
    dubai = make_location(clinic.doctor, timezone="Asia/Dubai")
    make_window(clinic.doctor, dubai, start_time=time(7, 30), end_time=time(8, 30), capacity=2)
    Availability.objects.update(capacity=2)
    return [
        partial(getattr(clinic, take), location=place, provider=clinic.new_insurer())
        for place in (clinic.place, dubai)
    ]


@pytest.mark.parametrize("change", ["cancel", "move"])
def test_who_changes_an_appointment_waits_for_who_moves_it_to_another_place(
    clinic: Clinic, change: str
) -> None:
    booked = clinic.book(TUESDAY_AT_9 + 8 * QUARTER)
    dubai = make_location(clinic.doctor, timezone="Asia/Dubai")
    make_window(clinic.doctor, dubai, start_time=time(7, 30), end_time=time(8, 30))
    move = partial(actions.move, appointment=booked, by=clinic.user, at=NOW)
    changes: dict[str, Callable[[], object]] = {
        "cancel": partial(
            actions.cancel, appointment=booked, reason="other", by=clinic.insurer, at=NOW
        ),
        "move": partial(move, start=TUESDAY_AT_9 + 4 * QUARTER, location=clinic.place),
    }

    outcome = outcome_after(lambda: move(start=TUESDAY_AT_9, location=dubai), changes[change])

    assert outcome == "done"
    booked.refresh_from_db()
    assert booked.version == 3


@contextmanager
def without_guard(name: str) -> Iterator[None]:
    (guard,) = (one for one in Appointment._meta.constraints if one.name == name)
    with connection.schema_editor() as editor:
        editor.remove_constraint(Appointment, guard)
    try:
        yield
    finally:
        Appointment.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Appointment, guard)


def test_holds_and_bookings_share_one_limit(clinic: Clinic) -> None:
    modest = clinic.new_insurer(max_open_bookings_per_day=5)
    takes = [clinic.book, clinic.hold] * (MANY // 2)

    outcomes = at_once(
        [partial(take, start, provider=modest) for start, take in zip(STARTS, takes, strict=True)]
    )

    assert Counter(outcomes) == {"done": 5, "TooManyBookings": MANY - 5}


def test_without_the_consents_lock_an_insurer_gets_more_than_its_share(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: it shows that all look before the first of them writes."""
    modest = clinic.new_insurer(max_open_bookings_per_day=5)
    name = "_SHARE_DOCTOR_TAKE_CONSENT"
    weaker = getattr(locks, name).replace("NO KEY UPDATE OF c", "SHARE OF c")
    monkeypatch.setattr(locks, name, weaker)

    outcomes = at_once([partial(clinic.book, start, provider=modest) for start in STARTS])

    assert Counter(outcomes) == {"done": MANY}


def test_a_doctors_most_a_day_is_exact_whoever_books(clinic: Clinic) -> None:
    most_a_day(clinic, 7)
    insurers = [clinic.new_insurer() for _ in range(MANY)]

    outcomes = at_once(
        [
            partial(clinic.book, start, provider=insurer)
            for start, insurer in zip(STARTS, insurers, strict=True)
        ]
    )

    assert Counter(outcomes) == {"done": 7, "SlotRefused": MANY - 7}
    assert Appointment.objects.count() == 7


def test_a_doctors_most_a_day_counts_who_moves_in(clinic: Clinic) -> None:
    next_week = [clinic.book(start + WEEK) for start in STARTS[:10]]
    most_a_day(clinic, 10)
    insurers = [clinic.new_insurer() for _ in range(10)]
    moves = [
        partial(actions.move, appointment=one, start=start, by=clinic.user, at=NOW)
        for one, start in zip(next_week, STARTS[:10], strict=True)
    ]
    bookings = [
        partial(clinic.book, start, provider=insurer)
        for start, insurer in zip(STARTS[10:], insurers, strict=True)
    ]

    outcomes = at_once([*moves, *bookings])

    assert Counter(outcomes) == {"done": 10, "SlotRefused": 10}
    assert Appointment.objects.filter(local_date=TUESDAY_AT_9.date()).count() == 10


def test_of_many_moves_into_one_place_one_gets_it(clinic: Clinic) -> None:
    booked = [clinic.book(start, provider=clinic.new_insurer()) for start in STARTS[1:11]]

    outcomes = at_once(
        [
            partial(
                actions.move, appointment=one, start=TUESDAY_AT_9, by=one.insurance_provider, at=NOW
            )
            for one in booked
        ]
    )

    assert Counter(outcomes) == {"done": 1, "SlotTaken": 9}
    assert Appointment.objects.filter(appointment_time=TUESDAY_AT_9).count() == 1
    # Who lost has the old place.
    assert Appointment.objects.filter(appointment_time__in=STARTS[1:11]).count() == 9
    assert OutboxEvent.objects.filter(type="appointment.rescheduled").count() == 1


def test_of_holds_and_bookings_of_one_place_one_gets_it(clinic: Clinic) -> None:
    calls = [clinic.hold, clinic.book] * 5

    outcomes = at_once([partial(call, provider=clinic.new_insurer()) for call in calls])

    assert Counter(outcomes) == {"done": 1, "SlotTaken": 9}
    assert Appointment.objects.count() == 1


def test_a_hold_is_booked_once_by_many_tries(clinic: Clinic) -> None:
    held = clinic.hold()

    outcomes = at_once([lambda: clinic.book(hold_id=held.pk)] * 5)

    assert Counter(outcomes) == {"done": 1, "SlotTaken": 4}
    assert Appointment.objects.get().pk == held.pk


def test_a_hold_that_is_booked_as_it_runs_out_is_booked(clinic: Clinic) -> None:
    """The other one finds it run out by its own clock, and then finds it booked."""
    held = clinic.hold()

    outcome = outcome_after(
        lambda: clinic.book(hold_id=held.pk, at=NOW + 4 * MINUTE),
        lambda: clinic.book(provider=clinic.new_insurer(), at=NOW + 5 * MINUTE),
    )

    assert outcome == "SlotTaken"
    assert Appointment.objects.get().pk == held.pk


def test_one_id_books_one_hold(clinic: Clinic) -> None:
    """With another doctor, so that no consent makes them wait for each other."""
    other = Clinic()
    make_consent(doctor=other.doctor, insurance_provider=clinic.insurer)
    held, other_held = clinic.hold(), other.hold(provider=clinic.insurer)

    outcome = outcome_after(
        lambda: clinic.book(hold_id=held.pk, external_appointment_id="A"),
        lambda: other.book(
            provider=clinic.insurer, hold_id=other_held.pk, external_appointment_id="A"
        ),
    )

    assert outcome == "ExternalIdUsed"
    assert published(other_held.pk) == []


@pytest.mark.parametrize(("undone", "expected"), [(False, "SlotTaken"), (True, "done")])
def test_a_move_waits_for_who_is_taking_the_place(
    clinic: Clinic, *, undone: bool, expected: str
) -> None:
    booked = clinic.book(TUESDAY_AT_9 + QUARTER)
    rival = clinic.new_insurer()

    outcome = outcome_after(
        lambda: clinic.book(provider=rival),
        lambda: actions.move(appointment=booked, start=TUESDAY_AT_9, by=clinic.insurer, at=NOW),
        undone=undone,
    )

    booked.refresh_from_db()
    assert outcome == expected
    has_moved = expected == "done"
    assert booked.appointment_time == TUESDAY_AT_9 + (timedelta(0) if has_moved else QUARTER)
    assert booked.version == (2 if has_moved else 1)


def test_a_booking_waits_for_who_is_moving_into_the_place(clinic: Clinic) -> None:
    booked = clinic.book(TUESDAY_AT_9 + QUARTER)
    rival = clinic.new_insurer()

    outcome = outcome_after(
        lambda: actions.move(appointment=booked, start=TUESDAY_AT_9, by=clinic.user, at=NOW),
        lambda: clinic.book(provider=rival),
    )

    assert outcome == "SlotTaken"


def test_of_an_undone_cancellation_and_a_booking_one_gets_the_place(clinic: Clinic) -> None:
    booked = clinic.book()
    actions.cancel(appointment=booked, reason="other", by=clinic.user, at=NOW)

    outcomes = at_once(
        [
            lambda: actions.undo(appointment=booked, by=clinic.user, at=NOW),
            lambda: clinic.book(provider=clinic.new_insurer()),
        ]
    )

    assert sorted(outcomes) == ["SlotTaken", "done"]
    assert Appointment.objects.exclude(status=Appointment.Status.CANCELLED).count() == 1


def test_an_undone_cancellation_and_a_booking_respect_a_lowered_capacity(clinic: Clinic) -> None:
    """Lanes 0 and 1 are both empty, but only one patient fits."""
    Availability.objects.update(capacity=2)
    booked = [clinic.book(), clinic.book()]
    for one in booked:
        actions.cancel(appointment=one, reason="other", by=clinic.user, at=NOW)
    Availability.objects.update(capacity=1)

    outcomes = at_once(
        [
            lambda: actions.undo(appointment=booked[1], by=clinic.user, at=NOW),
            lambda: clinic.book(provider=clinic.new_insurer()),
        ]
    )

    assert sorted(outcomes) == ["SlotTaken", "done"]


def test_a_number_that_somebody_just_took_costs_nobody_the_place(clinic: Clinic) -> None:
    """Hours were edited: the numbers of both slots are given, and both take the next one."""
    for number in (1, 2):
        make_appointment(
            clinic.doctor,
            clinic.insurer,
            clinic.place,
            appointment_time=STARTS[4 + number],
            token_number=number,
        )

    outcome = outcome_after(
        lambda: clinic.book(STARTS[0]),
        lambda: clinic.book(STARTS[1], provider=clinic.new_insurer()),
    )

    assert outcome == "done"
    numbers = Appointment.objects.order_by("appointment_time").values_list(
        "token_number", flat=True
    )
    assert list(numbers) == [3, 4, 1, 2]
