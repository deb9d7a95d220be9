from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from consent.tests.factories import make_consent
from registry.models import Doctor, DoctorCredential, DoctorLocation, InsuranceProvider
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_location,
    make_provider,
    make_verified_credential,
)
from scheduling import diary, slots
from scheduling.models import Appointment, BookingRules
from scheduling.slots import Reason, Rules
from scheduling.tests.factories import (
    TUESDAY_AT_9,
    make_appointment,
    make_exception,
    make_window,
)

pytestmark = pytest.mark.django_db
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


def free_starts(doctor: Doctor, **given: DoctorLocation) -> list[datetime]:
    found = diary.free_slots(
        doctor=doctor, starts_at=TUESDAY_AT_9, ends_at=TUESDAY_AT_9 + DAY, at=NOW, **given
    )
    return [slot.starts_at for slot in found]


def test_rows_become_slots(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(10, 30))
    make_window(doctor, place, is_active=False, start_time=time(20), end_time=time(21))
    make_exception(doctor, ends_at=TUESDAY_AT_9 + QUARTER)
    make_exception(
        doctor,
        kind="EXTRA",
        location=place,
        starts_at=TUESDAY_AT_9 + 10 * QUARTER,
        ends_at=TUESDAY_AT_9 + 11 * QUARTER,
    )
    provider = make_provider()
    make_appointment(doctor, provider, place, appointment_time=TUESDAY_AT_9 + QUARTER)
    make_appointment(
        doctor,
        provider,
        place,
        status=Appointment.Status.CANCELLED,
        appointment_time=TUESDAY_AT_9 + 2 * QUARTER,
    )

    assert free_starts(doctor) == [TUESDAY_AT_9 + count * QUARTER for count in (2, 3, 4, 5, 10)]


def test_a_hold_counts_until_it_runs_out(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    held = make_appointment(doctor, make_provider(), place, status=Appointment.Status.HELD)

    assert free_starts(doctor) == [TUESDAY_AT_9 + QUARTER]
    held.hold_expires_at = NOW
    held.save()
    assert free_starts(doctor) == [TUESDAY_AT_9, TUESDAY_AT_9 + QUARTER]


def test_one_place_can_be_asked_for(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 15))
    other = make_location(doctor)
    make_window(doctor, other, start_time=time(17), end_time=time(17, 15))

    assert free_starts(doctor, location=other) == [TUESDAY_AT_9 + timedelta(hours=8)]
    assert diary.why_not_free(
        doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW, location=other, mode="TELE"
    ) == (Reason.OUTSIDE_HOURS,)


def test_an_empty_answer_says_why(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    make_exception(doctor, ends_at=TUESDAY_AT_9 + QUARTER)
    make_appointment(doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + QUARTER)

    def against(starts_at: datetime) -> list[Reason]:
        free, reasons = diary.free_slots_or_reasons(
            doctor=doctor, starts_at=starts_at, ends_at=starts_at + DAY, at=NOW
        )
        assert free == []
        return reasons

    assert against(TUESDAY_AT_9) == [Reason.ON_LEAVE, Reason.TAKEN]
    assert against(TUESDAY_AT_9 + DAY) == [Reason.OUTSIDE_HOURS]


def test_extra_hours_at_a_place_that_is_not_in_use_are_closed(doctor: Doctor) -> None:
    make_exception(doctor, kind="EXTRA", location=make_location(doctor, is_active=False))

    reasons = diary.why_not_free(doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW)

    assert reasons == (Reason.PLACE_CLOSED,)


def test_the_next_free_slots_are_found_weeks_ahead(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    make_exception(doctor, ends_at=TUESDAY_AT_9 + 20 * DAY)

    found = diary.next_free(doctor=doctor, after=TUESDAY_AT_9, at=NOW, limit=3)

    third_week = TUESDAY_AT_9 + 21 * DAY
    assert [slot.starts_at for slot in found] == [
        third_week,
        third_week + QUARTER,
        third_week + 7 * DAY,
    ]
    assert diary.next_free(doctor=doctor, after=NOW + 90 * DAY, at=NOW, limit=3) == found
    assert diary.next_free(doctor=doctor, after=NOW - 90 * DAY, at=NOW, limit=3) == found
    assert not diary.next_free(doctor=doctor, after=NOW, at=NOW, mode="TELE")
    assert not diary.next_free(doctor=doctor, after=NOW, at=NOW, location=make_location(doctor))


def test_the_next_free_slots_keep_to_the_doctors_horizon_and_to_62_days(
    doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place, end_time=time(9, 15))
    rules = BookingRules.objects.create(doctor=doctor, horizon_days=3)

    def starts(after: datetime) -> list[datetime]:
        found = diary.next_free(doctor=doctor, after=after, at=NOW, limit=900)
        return [slot.starts_at for slot in found]

    assert starts(NOW) == [TUESDAY_AT_9]
    assert starts(NOW + 30 * DAY) == [TUESDAY_AT_9]
    rules.horizon_days = 180
    rules.save()
    assert starts(NOW)[-1] == TUESDAY_AT_9 + 56 * DAY
    assert starts(NOW + 100 * DAY)[-1] == TUESDAY_AT_9 + 154 * DAY


def test_the_doctors_rules_decide(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    make_window(doctor, place, start_time=time(20), end_time=time(20, 15))
    assert diary.rules_of(doctor) == Rules()
    BookingRules.objects.create(
        doctor=doctor, lead_time_minutes=25 * 60, horizon_days=1, most_per_day=1
    )
    # The evening is another date in UTC than the morning of the day before, but not there.
    make_appointment(
        doctor, make_provider(), place, appointment_time=TUESDAY_AT_9 + timedelta(hours=11)
    )

    reasons = diary.why_not_free(doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW)

    assert diary.rules_of(doctor) == Rules(timedelta(hours=25), DAY, most_per_day=1)
    assert reasons == (Reason.DAY_FULL, Reason.TOO_SOON, Reason.BEYOND_HORIZON)


def test_what_is_moved_takes_no_place(doctor: Doctor, place: DoctorLocation) -> None:
    make_window(doctor, place, end_time=time(9, 30))
    BookingRules.objects.create(doctor=doctor, most_per_day=1)
    moved = make_appointment(doctor, make_provider(), place)

    for starts_at in (TUESDAY_AT_9, TUESDAY_AT_9 + QUARTER):
        slot, reasons = diary.slot_and_reasons(doctor=doctor, starts_at=starts_at, at=NOW)
        assert slot is not None
        assert Reason.DAY_FULL in reasons
        slot, reasons = diary.slot_and_reasons(
            doctor=doctor, starts_at=starts_at, at=NOW, ignoring=moved.pk
        )
        assert reasons == ()


@pytest.mark.parametrize(
    ("ends", "until"),
    [
        ([], None),
        ([date(2026, 11, 23)], datetime(2026, 11, 23, 18, 30, tzinfo=UTC)),
        ([date(2026, 11, 23), date(2026, 11, 30)], datetime(2026, 11, 30, 18, 30, tzinfo=UTC)),
        ([date(2026, 11, 23), None], None),
    ],
)
def test_a_registration_ends_at_the_end_of_its_last_day(
    doctor: Doctor, place: DoctorLocation, ends: list[date | None], until: datetime | None
) -> None:
    registration = DoctorCredential.Kind.REGISTRATION
    make_verified_credential(doctor, valid_until=date(2020, 1, 1))
    make_credential(doctor, kind=registration, valid_until=date(2020, 1, 1))
    newest = [
        make_verified_credential(doctor, kind=registration, valid_until=valid_until)
        for valid_until in ends
    ]
    for one in newest[:1]:
        make_verified_credential(
            doctor, kind=registration, valid_until=date(2040, 1, 1), replaced_by=one
        )
    make_window(doctor, place)

    reasons = diary.why_not_free(doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW)

    schedule = diary.load(doctor=doctor, starts_at=NOW, ends_at=NOW + DAY, at=NOW)
    assert schedule.credential_until == until
    expired = until is not None and until < TUESDAY_AT_9
    assert reasons == ((Reason.CREDENTIAL_EXPIRED,) if expired else ())


def test_an_insurer_books_where_appointments_are_shared_with_it(
    doctor: Doctor, place: DoctorLocation
) -> None:
    make_window(doctor, place)
    provider, narrow, stranger = make_provider(), make_provider(), make_provider()
    make_consent(doctor=doctor, insurance_provider=provider)
    make_consent(doctor=doctor, insurance_provider=narrow, data_classes=["profile", "availability"])

    def why(insurer: InsuranceProvider | None, starts_at: datetime) -> tuple[Reason, ...]:
        return diary.why_not_free(doctor=doctor, starts_at=starts_at, at=NOW, provider=insurer)

    assert why(None, TUESDAY_AT_9) == why(provider, TUESDAY_AT_9) == ()
    assert why(narrow, TUESDAY_AT_9) == why(stranger, TUESDAY_AT_9) == (Reason.NOT_CONSENTED,)
    at_night = TUESDAY_AT_9 - timedelta(hours=6)
    assert why(stranger, at_night) == (Reason.OUTSIDE_HOURS, Reason.NOT_CONSENTED)


def test_several_doctors_are_loaded_as_each_alone(
    doctor: Doctor, place: DoctorLocation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fill_diary(doctor, place)
    idle = make_doctor()
    period: dict[str, Any] = {"starts_at": NOW, "ends_at": NOW + 60 * DAY, "at": NOW}

    with django_assert_num_queries(1):
        found = diary.load_many(doctor_ids=[doctor.pk, idle.pk, uuid4()], **period)

    assert found == {one.pk: diary.load(doctor=one, **period) for one in (doctor, idle)}
    assert len(found[doctor.pk].taken) == 5


def fill_diary(doctor: Doctor, place: DoctorLocation) -> None:
    for weekday in range(7):
        make_window(doctor, place, day_of_week=weekday)
    provider = make_provider()
    for count in range(5):
        day = TUESDAY_AT_9 + count * DAY
        make_exception(doctor, starts_at=day, ends_at=day + QUARTER)
        make_appointment(doctor, provider, place, appointment_time=TUESDAY_AT_9 + count * QUARTER)


def test_answers_take_one_query(
    doctor: Doctor, place: DoctorLocation, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fill_diary(doctor, place)

    with django_assert_num_queries(1):
        diary.free_slots(doctor=doctor, starts_at=NOW, ends_at=NOW + 31 * DAY, at=NOW)
    with django_assert_num_queries(1):
        diary.why_not_free(doctor=doctor, starts_at=TUESDAY_AT_9, at=NOW)
    with django_assert_num_queries(1):
        diary.next_free(doctor=doctor, after=NOW, at=NOW)
    with django_assert_num_queries(2):
        diary.next_free(doctor=doctor, after=NOW, at=NOW, limit=900)
    with django_assert_num_queries(3):
        diary.entries(doctor=doctor, first=NOW.date(), last=NOW.date() + 6 * DAY, at=NOW)


def test_senseless_questions_reach_no_row(
    doctor: Doctor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        with pytest.raises(slots.BadRange):
            diary.free_slots(doctor=doctor, starts_at=NOW, ends_at=NOW + 3650 * DAY, at=NOW)
        with pytest.raises(slots.BadRange):
            diary.why_not_free(doctor=doctor, starts_at=datetime.max.replace(tzinfo=UTC), at=NOW)
        with pytest.raises(slots.BadRange):
            diary.entries(doctor=doctor, first=date.min, last=date.min, at=NOW)


# Each of them has the hours, exceptions and appointments of many.
FILL = """
    INSERT INTO doctors (id, full_name, email, phone, registration_council, registration_number,
        specialization, languages, timezone, is_sandbox, status, version, created_at, updated_at)
    SELECT gen_random_uuid(), 'Doctor ' || n, 'd' || n || '@example.org',
        '+9190' || lpad(n::text, 8, '0'), 'KMC', 'KMC-X' || n, 'ent', ARRAY['en'],
        'Asia/Kolkata', true, 'ACTIVE', 1, %(at)s, %(at)s
    FROM generate_series(1, 2000) AS n;

    INSERT INTO doctor_locations (id, doctor_id, name, address, city, state, pin, timezone, phone,
        is_active, created_at, updated_at)
    SELECT gen_random_uuid(), id, 'Clinic', 'Street', 'Pune', 'MH', '411001', 'Asia/Kolkata', '',
        true, %(at)s, %(at)s
    FROM doctors;

    INSERT INTO doctor_availability (id, doctor_id, location_id, day_of_week, start_time, end_time,
        slot_duration_minutes, capacity, buffer_minutes, mode, valid_from, is_active,
        created_at, updated_at)
    SELECT gen_random_uuid(), doctor_id, id, day, '9:00', '13:00', 15, 1, 0, 'IN_PERSON',
        '2026-01-01', true, %(at)s, %(at)s
    FROM doctor_locations, generate_series(0, 5) AS day;

    INSERT INTO availability_exceptions (id, doctor_id, kind, starts_at, ends_at, reason, mode,
        created_at, updated_at)
    SELECT gen_random_uuid(), id, 'CLOSED', %(at)s + day * interval '1 day',
        %(at)s + day * interval '1 day' + interval '1 hour', '', '', %(at)s, %(at)s
    FROM doctors, generate_series(1, 5) AS day;

    INSERT INTO appointments (id, doctor_id, insurance_provider_id, location_id,
        external_appointment_id, patient_reference, visit_type, appointment_time, ends_at, lane,
        capacity, mode, status, previous_status, status_at, cancel_reason, cancel_note, version,
        created_at, updated_at, local_date)
    SELECT gen_random_uuid(), doctor_id, %(provider)s, id, 'V-' || id || day, 'x'::bytea, '',
        %(at)s + day * interval '1 day', %(at)s + day * interval '1 day' + interval '15 minutes',
        0, 1, 'TELE', 'BOOKED', '', %(at)s, '', '', 1, %(at)s, %(at)s, '2026-11-24'
    FROM doctor_locations, generate_series(1, 10) AS day;

    SET CONSTRAINTS ALL IMMEDIATE;
    ANALYZE;
"""


def whole_reads(plan: dict[str, Any]) -> Iterator[str]:
    """Name the tables that a plan reads from end to end."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from whole_reads(part)


def test_a_load_reads_no_whole_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"at": NOW, "provider": make_provider().pk})
    doctors = list(Doctor.objects.all()[:20])
    period: dict[str, Any] = {"starts_at": NOW, "ends_at": NOW + 14 * DAY, "at": NOW}

    with CaptureQueriesContext(connection) as captured:
        diary.load(doctor=doctors[0], **period)
        diary.load_many(doctor_ids=[doctor.pk for doctor in doctors], **period)

    assert len(captured) == 2
    for one in captured.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (FORMAT JSON) " + one["sql"].replace("%", "%%"))
            ((plans,),) = cursor.fetchall()
        # Hardly anybody has rules or a registration here, and tables without rows are just read.
        assert set(whole_reads(plans[0]["Plan"])) <= {"booking_rules", "doctor_credentials"}
