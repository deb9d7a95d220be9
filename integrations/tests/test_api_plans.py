"""No list reads a whole table: the database says how it would find the rows."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.tests.insurers import Caller, make_caller
from registry.tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

DOCTORS = 20_000
LARGE = {
    "doctors",
    "doctor_insurance_consent",
    "doctor_locations",
    "appointments",
    "feed_entries",
    "open_days",
}

# One doctor in 20 has opted in to the insurer that asks, and each has opted in to another.
FILL = """
    INSERT INTO doctors (id, full_name, email, phone, registration_council, registration_number,
        specialization, languages, timezone, is_sandbox, status, version, created_at, updated_at)
    SELECT gen_random_uuid(), 'Doctor ' || n, 'd' || n || '@example.org',
        '+9190' || lpad(n::text, 8, '0'), 'KMC', 'KMC-X' || n,
        (ARRAY['cardiology', 'dentistry', 'ent', 'urology'])[1 + n %% 4], ARRAY['en'],
        'Asia/Kolkata', true, 'ACTIVE', 1, %(at)s, %(at)s
    FROM generate_series(1, %(number)s) AS n;

    INSERT INTO doctor_locations (id, doctor_id, name, address, city, state, pin, timezone, phone,
        is_active, created_at, updated_at)
    SELECT gen_random_uuid(), id, 'Clinic', 'Street', (ARRAY['Pune', 'Kochi'])[1 + version %% 2],
        'MH', '411001', 'Asia/Kolkata', '', true, %(at)s, %(at)s
    FROM doctors;

    -- Spread over a large country.
    UPDATE doctor_locations SET latitude = 8 + random() * 25, longitude = 68 + random() * 25;
    -- Else what checks each row would look for it with plans for empty tables.
    ANALYZE doctors, doctor_locations;
    INSERT INTO doctor_availability (id, doctor_id, location_id, day_of_week, start_time, end_time,
        slot_duration_minutes, capacity, buffer_minutes, mode, valid_from, is_active, created_at,
        updated_at)
    SELECT gen_random_uuid(), doctor_id, id, day, '09:00', '13:00', 15, 1, 0, 'IN_PERSON',
        '2026-11-01', true, %(at)s, %(at)s
    FROM doctor_locations, generate_series(0, 1) AS day;
    INSERT INTO open_days (doctor_id, local_date, location_id, mode, first_free_at, last_free_at,
        free, step_minutes, starts, specialization, city)
    SELECT doctor_id, date, place.id, 'IN_PERSON', date + interval '3 hours 30 minutes',
        date + interval '7 hours 15 minutes', 16, 15, repeat('1', 16)::varbit,
        doctor.specialization, upper(city)
    FROM doctor_locations AS place JOIN doctors AS doctor ON doctor.id = place.doctor_id,
        LATERAL (SELECT '2026-11-23'::date + n AS date FROM generate_series(1, 10) AS n) AS days;

    INSERT INTO doctor_insurance_consent (id, doctor_id, insurance_provider_id, consent_status,
        data_classes, purpose, notice_version, language, granted_at, version,
        created_at, updated_at)
    SELECT gen_random_uuid(), doctor.id, provider.id, 'ACTIVE',
        ARRAY['profile', 'credentials', 'availability', 'appointments'], 'opd_network', '2026-11',
        'en', %(at)s, 1, %(at)s, %(at)s
    FROM insurance_providers AS provider, doctors AS doctor
    WHERE provider.id = %(other)s OR substr(doctor.phone, 5)::int %% 20 = 0;

    ANALYZE doctor_insurance_consent;
    INSERT INTO appointments (id, doctor_id, insurance_provider_id, location_id,
        external_appointment_id, patient_reference, visit_type, appointment_time, ends_at, lane,
        capacity, mode, status, previous_status, status_at, cancel_reason, cancel_note, version,
        created_at, updated_at, local_date)
    SELECT gen_random_uuid(), consent.doctor_id, consent.insurance_provider_id, place.id,
        'V-' || consent.id, 'x'::bytea, '', %(at)s, %(at)s + interval '15 minutes',
        CASE WHEN consent.insurance_provider_id = %(other)s THEN 0 ELSE 1 END,
        2, 'TELE', 'BOOKED', '', %(at)s, '', '', 1, %(at)s, %(at)s, '2026-11-24'
    FROM doctor_insurance_consent AS consent
    JOIN doctor_locations AS place ON place.doctor_id = consent.doctor_id;

    INSERT INTO outbox_events (event_id, type, subject, subject_version, doctor_id, payload,
        occurred_at, created_at, sequenced_at)
    SELECT gen_random_uuid(), 'doctor.updated', 'doctor/' || id, 1, id, '{}', %(at)s, %(at)s, %(at)s
    FROM doctors;

    ANALYZE outbox_events;
    INSERT INTO feed_entries (insurance_provider_id, feed_seq, event_id, created_at)
    SELECT provider.id, row_number() OVER (PARTITION BY provider.id ORDER BY event.id), event.id,
        %(at)s
    FROM outbox_events AS event, insurance_providers AS provider;

    INSERT INTO feed_heads (insurance_provider_id, head) SELECT id, %(number)s
    FROM insurance_providers;
"""


@pytest.fixture
def caller() -> Caller:
    caller, other = make_caller(), make_caller()
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"at": NOW, "number": DOCTORS, "other": other.provider.pk})
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")
    caller.get("/me")
    return caller


def whole_reads(plan: dict[str, Any]) -> Iterator[str]:
    """Name the large tables that a plan reads from end to end."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in LARGE:
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from whole_reads(part)


def test_no_list_reads_a_whole_table(caller: Caller) -> None:
    page = caller.get("/doctors", {"limit": 50}).json()
    doctor = page["items"][0]["id"]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/doctors", {"limit": 50}),
        ("/doctors", {"limit": 50, "cursor": page["next"]}),
        ("/doctors", {"specialization": "urology"}),
        ("/doctors", {"city": "Pune"}),
        ("/doctors", {"state": "MH", "specialization": "ent"}),
        ("/doctors", {"language": "en"}),
        ("/doctors", {"q": "octor 77"}),
        ("/doctors", {"q": "KMC-X77"}),
        ("/doctors", {"updated_since": "2026-11-22"}),
        (f"/doctors/{doctor}", {}),
        (f"/doctors/{doctor}/availability", {}),
        (f"/doctors/{doctor}/slots", {}),
        ("/slots", {}),
        ("/slots", {"specialization": "cardiology", "city": "Kochi"}),
        ("/slots", {"city": "Kochi", "limit": 100, "per_doctor": 10}),
        ("/slots", {"mode": "TELE"}),
        ("/slots", {"latitude": "18.5", "longitude": "73.9", "distance_km": "50"}),
        ("/appointments", {}),
        ("/appointments", {"doctor_id": doctor}),
        ("/appointments", {"from": "2026-11-25"}),
        ("/appointments", {"external_appointment_id": "V-1"}),
        ("/consents", {"limit": 50}),
        ("/consents", {"limit": 50, "cursor": caller.get("/consents").json()["next"]}),
        ("/consents", {"status": "ACTIVE"}),
        ("/consents", {"status": "EXPIRED"}),
        ("/consents", {"updated_since": "2026-11-22"}),
        ("/events", {"after": 19_900}),
        ("/events", {"after": 0}),
    ]

    for path, query in calls:
        with CaptureQueriesContext(connection) as captured:
            caller.get(path, query)
        for one in captured.captured_queries:
            if one["sql"].lstrip().startswith("SELECT"):
                with connection.cursor() as cursor:
                    cursor.execute("EXPLAIN (FORMAT JSON) " + one["sql"].replace("%", "%%"))
                    ((plans,),) = cursor.fetchall()
                assert not list(whole_reads(plans[0]["Plan"])), (path, query, one["sql"])
