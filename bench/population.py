"""Fill an empty database with doctors, hours and bookings, set-based."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from tqdm import tqdm

DAYS = 60
HEAVY_DOCTORS = 1_000
EVENTS = 20_000
BYTES_PER_DOCTOR = 100_000
HERE = Path(__file__).parent
# Its rows are many, so that its indexes are made when all of them are there.
LARGEST = "appointments"

CITIES = [
    ("Bengaluru", "KA", 12.97, 77.59), ("Mumbai", "MH", 19.08, 72.88),
    ("New Delhi", "DL", 28.61, 77.21), ("Chennai", "TN", 13.08, 80.27),
    ("Hyderabad", "TS", 17.39, 78.49), ("Kolkata", "WB", 22.57, 88.36),
    ("Pune", "MH", 18.52, 73.86), ("Ahmedabad", "GJ", 23.02, 72.57),
    ("Jaipur", "RJ", 26.91, 75.79), ("Lucknow", "UP", 26.85, 80.95),
    ("Kanpur", "UP", 26.45, 80.33), ("Nagpur", "MH", 21.15, 79.09),
    ("Indore", "MP", 22.72, 75.86), ("Bhopal", "MP", 23.26, 77.41),
    ("Visakhapatnam", "AP", 17.69, 83.22), ("Patna", "BR", 25.59, 85.14),
    ("Vadodara", "GJ", 22.31, 73.18), ("Ludhiana", "PB", 30.90, 75.86),
    ("Agra", "UP", 27.18, 78.01), ("Nashik", "MH", 20.00, 73.79),
    ("Kochi", "KL", 9.93, 76.27), ("Mysuru", "KA", 12.30, 76.64),
    ("Coimbatore", "TN", 11.02, 76.96), ("Guwahati", "AS", 26.14, 91.74),
    ("Ranchi", "JH", 23.34, 85.31), ("Raipur", "CG", 21.25, 81.63),
    ("Bhubaneswar", "OD", 20.30, 85.82), ("Dehradun", "UK", 30.32, 78.03),
    ("Chandigarh", "CH", 30.73, 76.78), ("Surat", "GJ", 21.17, 72.83),
]  # fmt: skip
SPECIALIZATIONS = [
    "cardiology", "dentistry", "dermatology", "diabetology", "endocrinology", "ent",
    "family_medicine", "gastroenterology", "general_medicine", "general_surgery", "gynaecology",
    "nephrology", "neurology", "oncology", "ophthalmology", "orthopaedics", "paediatrics",
    "physiotherapy", "psychiatry", "pulmonology",
]  # fmt: skip

Connection = psycopg.Connection[TupleRow]


def check_space(folder: Path, doctors: int) -> None:
    """Stop before the disk is full."""
    free, needed = shutil.disk_usage(folder).free, doctors * BYTES_PER_DOCTOR + 2_000_000_000
    if free < needed:
        raise SystemExit(
            f"{doctors:,} doctors take about {needed / 1e9:.0f} GB, and {folder} has "
            f"{free / 1e9:.0f}. Choose another folder with TMPDIR, or fewer doctors."
        )


def fill(database: Connection, *, doctors: int, today: date) -> None:
    """Add everything but the insurers, who are there already.

    Args:
        database: the superuser's, autocommitting; triggers stay silent in it.
        today: the first of the days that have bookings.
    """
    database.execute("SET session_replication_role = replica")
    database.execute("SET maintenance_work_mem = '512MB'")
    values = _values(doctors, today)
    steps = _steps((HERE / "population.sql").read_text(encoding="utf-8"))
    bar = tqdm(total=len(steps) + DAYS + 2, unit="step", desc=f"{doctors:,} doctors")
    with bar:
        for title, sql in steps:
            bar.set_postfix_str(title)
            database.execute(sql.encode(), values)
            bar.update()
        bar.set_postfix_str("Bookings, day by day")
        with _indexes_made_afterwards(database, bar):
            for number in range(DAYS):
                _book_a_third(database, today + timedelta(days=number))
                bar.update()
        bar.set_postfix_str("Statistics")
        database.execute("VACUUM (ANALYZE, FREEZE)")
        bar.update()


def free_slots(database: Connection, *, first: date, last: date, limit: int) -> list[TupleRow]:
    """Draw free slots of the heavy doctors: doctor, place and start."""
    return database.execute(
        "SELECT d.id, d.place_id, s.starts_at "
        "FROM generate_series(%s::date, %s::date, interval '1 day') AS day, "
        "bench.slots_on(day::date) AS s JOIN bench.doctors AS d USING (number) "
        "WHERE d.is_heavy AND NOT s.is_taken ORDER BY hashint8(extract(epoch FROM s.starts_at)"
        "::bigint * 1009 + d.number) LIMIT %s",
        [first, last, limit],
    ).fetchall()


def heavy_doctors(database: Connection, limit: int) -> list[Any]:
    """Draw doctors whose days are full."""
    rows = database.execute(
        "SELECT id FROM bench.doctors WHERE is_heavy ORDER BY hashint4(number) LIMIT %s", [limit]
    )
    return [doctor for (doctor,) in rows]


def _values(doctors: int, today: date) -> dict[str, Any]:
    names, states, latitudes, longitudes = zip(*CITIES, strict=True)
    return {
        "doctors": doctors,
        "heavy": HEAVY_DOCTORS,
        "events": EVENTS,
        "today": today,
        "specializations": SPECIALIZATIONS,
        "cities": list(names),
        "states": list(states),
        "latitudes": list(latitudes),
        "longitudes": list(longitudes),
    }


def _steps(script: str) -> list[tuple[str, str]]:
    """Cut a script where an empty line and a title begin a step; its head is none."""
    parts = re.split(r"\n\n-- (.*)\n", script)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _book_a_third(database: Connection, day: date) -> None:
    sql = (HERE / "appointments.sql").read_text(encoding="utf-8")
    database.execute(sql.encode(), {"day": day})


@contextmanager
def _indexes_made_afterwards(database: Connection, bar: "tqdm[Any]") -> Iterator[None]:
    constraints = database.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype IN ('u', 'x')",
        [LARGEST],
    ).fetchall()
    indexes = database.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = %s::regclass AND NOT indisprimary AND NOT EXISTS "
        "(SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [LARGEST],
    ).fetchall()
    for name, _ in constraints:
        database.execute(f"ALTER TABLE {LARGEST} DROP CONSTRAINT {name}".encode())
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}".encode())
    yield
    bar.set_postfix_str("Indexes")
    for name, definition in constraints:
        database.execute(f"ALTER TABLE {LARGEST} ADD CONSTRAINT {name} {definition}".encode())
    for _, definition in indexes:
        database.execute(definition.encode())
    bar.update()
