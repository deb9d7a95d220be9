"""No search reads a whole table: the database says how it would find the rows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH, PostgresQuery
from psycopg.adapt import Transformer

from registry.models import InsuranceProvider
from registry.tests.factories import NOW, make_provider
from scheduling import openings
from scheduling.openings import Near, Wanted, statements

pytestmark = pytest.mark.django_db

DOCTORS = 3_000
DAYS = 14
LARGE = {"open_days", "doctors", "doctor_insurance_consent", "doctor_locations", "appointments"}
NOON = NOW + timedelta(days=1, hours=3)
DAY = timedelta(days=1)

# All doctors are open each day from 9 to 5 in half hours. One in 20 has opted in to the small
# insurer, all to the large one.
FILL = """
    INSERT INTO doctors (id, full_name, email, phone, registration_council, registration_number,
        specialization, languages, timezone, is_sandbox, status, version, created_at, updated_at)
    SELECT gen_random_uuid(), 'Doctor ' || n, 'd' || n || '@example.org',
        '+9190' || lpad(n::text, 8, '0'), 'KMC', 'KMC-X' || n,
        (ARRAY['cardiology', 'dentistry', 'ent', 'urology'])[1 + n %% 4], ARRAY['en'],
        'Asia/Kolkata', true, 'ACTIVE', n, %(at)s, %(at)s
    FROM generate_series(1, %(doctors)s) AS n;

    INSERT INTO doctor_locations (id, doctor_id, name, address, city, state, pin, latitude,
        longitude, timezone, phone, is_active, created_at, updated_at)
    SELECT gen_random_uuid(), id, 'Clinic', 'Street', 'City ' || version %% 30, 'MH', '411001',
        10 + version %% 30, 70 + version %% 1000 / 100.0, 'Asia/Kolkata', '', true, %(at)s, %(at)s
    FROM doctors;

    INSERT INTO doctor_insurance_consent (id, doctor_id, insurance_provider_id, consent_status,
        data_classes, purpose, notice_version, language, granted_at, version,
        created_at, updated_at)
    SELECT gen_random_uuid(), doctor.id, provider.id, 'ACTIVE',
        ARRAY['profile', 'credentials', 'availability', 'appointments'], 'opd_network', '2026-11',
        'en', %(at)s, 1, %(at)s, %(at)s
    FROM insurance_providers AS provider, doctors AS doctor
    WHERE provider.slug = 'large' OR doctor.version %% 20 = 0;

    -- Else what checks each row would look for it with plans for empty tables.
    ANALYZE doctors, doctor_locations;
    INSERT INTO doctor_availability (id, doctor_id, location_id, day_of_week, start_time, end_time,
        slot_duration_minutes, capacity, buffer_minutes, mode, valid_from, is_active, created_at,
        updated_at)
    SELECT gen_random_uuid(), doctor_id, id, weekday, '09:00', '17:00', 30, 2, 0, 'IN_PERSON',
        '2026-01-01', true, %(at)s, %(at)s
    FROM doctor_locations, generate_series(0, 6) AS weekday;

    INSERT INTO appointments (id, doctor_id, insurance_provider_id, location_id,
        external_appointment_id, patient_reference, visit_type, appointment_time, ends_at, lane,
        capacity, mode, status, previous_status, status_at, cancel_reason, cancel_note, version,
        created_at, updated_at, local_date)
    SELECT gen_random_uuid(), doctor_id, provider.id, l.id, 'V-' || l.id, 'x'::bytea, '',
        %(at)s + interval '1 day', %(at)s + interval '1 day 30 minutes', 1, 2, 'IN_PERSON',
        'BOOKED', '', %(at)s, '', '', 1, %(at)s, %(at)s, '2026-11-24'
    FROM doctor_locations AS l JOIN insurance_providers AS provider ON provider.slug = 'large';

    INSERT INTO open_days (doctor_id, local_date, location_id, mode, first_free_at, last_free_at,
        free, step_minutes, starts, slot_minutes, capacity, specialization, city)
    SELECT d.id, %(at)s::date + n, l.id, 'IN_PERSON', %(at)s + n * interval '1 day',
        %(at)s + n * interval '1 day' + interval '450 minutes', 16, 30, repeat('1', 16)::varbit,
        30, 2, d.specialization, upper(l.city)
    FROM doctors AS d JOIN doctor_locations AS l ON l.doctor_id = d.id,
        generate_series(0, %(days)s - 1) AS n;
"""


@pytest.fixture
def _many(django_db_setup: None, db: None) -> None:
    make_provider(slug="large")
    make_provider(slug="small")
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"at": NOW, "doctors": DOCTORS, "days": DAYS})
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """Name the large tables that a plan would read from end to end.

    A scan right under a limit ends with it: who counts up to some hundred takes the first ones.
    """
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in LARGE:
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        if (plan["Node Type"], part["Node Type"]) != ("Limit", "Seq Scan"):
            yield from scanned(part)


def indexes(plan: dict[str, Any], table: str) -> Iterator[str]:
    """Name the indexes by which a plan finds the rows of a table."""
    if plan.get("Relation Name") == table:
        yield plan["Index Name"]
    for part in plan.get("Plans", []):
        yield from indexes(part, table)


def generic_plan(sql: str, params: Any) -> dict[str, Any]:
    """Give the plan that a prepared statement gets, which is made without its values."""
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, params, prepare=True)
        sent = PostgresQuery(Transformer(cursor.connection))
        sent.convert(sql, params)
        cursor.execute(
            "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements "
            "WHERE statement = %s",
            [sent.query.decode()],
        )
        name, count = cursor.fetchone() or ("", 0)
        cursor.execute(f'EXPLAIN (FORMAT JSON) EXECUTE "{name}" ({", ".join(["NULL"] * count)})')
        ((plans,),) = cursor.fetchall()
        plan: dict[str, Any] = plans[0]["Plan"]
        return plan


@pytest.mark.usefixtures("_many")
def test_no_search_reads_a_whole_table() -> None:
    read: dict[str, set[str]] = {}

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001  Django's.
        for table in scanned(generic_plan(sql, params)):
            read.setdefault(asked, set()).add(table)
        return execute(sql, params, many, context)

    near = {"tens": Near(12, 75, 150), "hundreds": Near(12, 75, 900)}
    questions = {
        "specialization and city": {"specialization": "ent", "city": "City 2"},
        "specialization": {"specialization": "ent"},
        "city": {"city": "City 2"},
        "any": {},
        "near, of tens": {"near": near["tens"]},
        "near, of hundreds": {"near": near["hundreds"], "specialization": "ent"},
        "no such mode": {"specialization": "ent", "city": "City 2", "mode": "TELE"},
    }
    providers = list(InsuranceProvider.objects.filter(slug__in=["large", "small"]))
    with connection.execute_wrapper(explained):
        for provider in providers:
            for name, values in questions.items():
                for starts_at in (NOW, NOON):
                    asked = f"{provider.slug}: {name} from {starts_at:%H:%M}"
                    wanted = Wanted(starts_at, starts_at + 7 * DAY, **values)  # type: ignore[arg-type]  # Of many types.
                    openings.earliest(provider=provider, wanted=wanted, at=NOW, limit=20)

    assert read == {}


@pytest.mark.usefixtures("_many")
def test_a_city_is_looked_for_in_its_own_index() -> None:
    used: set[str] = set()

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001  Django's.
        used.update(indexes(generic_plan(sql, params), "open_days"))
        return execute(sql, params, many, context)

    wanted = Wanted(NOON, NOON + 7 * DAY, specialization="ent", city="City 2")
    provider = InsuranceProvider.objects.get(slug="large")
    with connection.execute_wrapper(explained):
        openings.earliest(provider=provider, wanted=wanted, at=NOW, limit=20)

    assert used == {"open_day_by_city"}


@pytest.mark.parametrize("asked", [set(), {"city"}, {"mode"}, {"city", "mode"}])
def test_the_driver_remembers_how_it_reads_the_first_statement(asked: set[str]) -> None:
    statement = statements.first_of_each(frozenset({"specialization", *asked}))

    assert len(statement) <= MAX_CACHED_STATEMENT_LENGTH
