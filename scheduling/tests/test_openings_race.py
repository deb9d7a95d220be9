"""Two insurers book one doctor's day at once: neither may write what it saw before the other."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError, Event
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection, transaction

from consent.tests.factories import make_consent
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW, make_doctor, make_location
from scheduling import actions, openings
from scheduling.models import OpenDay
from scheduling.openings import keeping, rows
from scheduling.tests.factories import TUESDAY_AT_9, make_window

pytestmark = pytest.mark.django_db(transaction=True)
QUARTER = timedelta(minutes=15)
WITHOUT_LOCK = keeping._HEAD.replace("FOR UPDATE", "")  # noqa: SLF001  The guard in question.


def book_at_once(doctor: Doctor) -> None:
    """Let two insurers book; each writes only when both have computed, if both get so far."""
    providers = [make_consent(doctor=doctor).insurance_provider for _ in range(2)]
    both_computed = Barrier(2)
    write = rows.write_differences

    def write_when_both_computed(*given: Any, **named: Any) -> None:
        with suppress(BrokenBarrierError):
            both_computed.wait(timeout=1)
        write(*given, **named)

    def book(number: int, provider: InsuranceProvider) -> None:
        actions.book(
            provider=provider,
            doctor=doctor,
            start=TUESDAY_AT_9 + number * QUARTER,
            location=None,
            external_appointment_id="EXT-1",
            patient_reference="member",
            mode=None,
            visit_type="",
            at=NOW,
        )
        connection.close()

    with (
        patch.object(rows, "write_differences", write_when_both_computed),
        ThreadPoolExecutor(2) as pool,
    ):
        list(pool.map(book, range(2), providers))


def opened() -> Doctor:
    doctor = make_doctor()
    make_window(doctor, make_location(doctor))
    openings.build(doctor_ids=[doctor.pk], at=NOW)
    return doctor


def test_bookings_at_once_leave_the_open_day_exact() -> None:
    doctor = opened()

    book_at_once(doctor)

    assert openings.differences(doctor_ids=[doctor.pk]) == []
    assert OpenDay.objects.earliest("local_date").free == 14


def test_without_the_lock_of_the_head_one_of_them_would_be_forgotten() -> None:
    doctor = opened()

    with patch.object(keeping, "_HEAD", WITHOUT_LOCK):
        book_at_once(doctor)

    assert [one.doctor_id for one in openings.differences(doctor_ids=[doctor.pk])] == [doctor.pk]


def test_who_is_being_changed_is_left_for_the_next_time() -> None:
    busy, quiet = opened(), opened()
    locked, done = Event(), Event()

    def keep_busy(doctor_id: UUID) -> None:
        with transaction.atomic():
            Doctor.objects.select_for_update(no_key=True).get(pk=doctor_id)
            locked.set()
            done.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(keep_busy, busy.pk)
        locked.wait(30)
        built = openings.build(doctor_ids=[busy.pk, quiet.pk], at=NOW, wait=False)
        done.set()

    assert built == 1
