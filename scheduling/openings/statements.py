"""What a search asks of the open days, as statements that stay the same for the same question.

Two walks over one index, each in its order: open days that begin later than asked from, by their
first free start; and those that have begun by then, by the next start after it, which their bits
tell. Who may see the doctor, and whether the slot that would come first is free, is asked of a
row only when its turn comes.
"""

from functools import lru_cache

from consent.models import SHOWS

# In these, `o` are the open days, and names in braces are put in below.
_NEXT_START = """
    o.first_free_at + o.step_minutes * interval '1 minute' * ({skipped} - 1
        + nullif(position(B'1' IN substring(o.starts FROM {skipped} + 1)), 0))
"""
_SKIPPED = """
    greatest(0, ceil(
        date_part('epoch', {since} - o.first_free_at) / (60 * o.step_minutes)
    ))::int
"""
_SINCE = "%(since)s::timestamptz"
_COLUMNS = """
    doctor_id, location_id, mode, local_date, first_free_at, step_minutes, starts, slot_minutes,
    capacity
"""
# Between two unknown instants a planner expects so few rows that any index would do, and that it
# would sort those ahead; of a pair it expects more. No doctor's id is lower than the least.
# At noon those that have begun may be many: OFFSET has each expression computed once.
_BEGUN = """
    SELECT {columns}, turn FROM (
        SELECT o.*, {next_after} AS turn FROM (
            SELECT {columns}, {skipped} AS skipped FROM open_days AS o
            WHERE {which} AND (o.first_free_at, o.doctor_id) >= (%(day_before)s, %(least_id)s)
                AND o.first_free_at < %(since)s AND o.last_free_at >= %(since)s
            OFFSET 0
        ) AS o
        OFFSET 0
    ) AS o
    WHERE turn < %(until)s ORDER BY turn, doctor_id
"""
_AHEAD = """
    SELECT {columns}, o.first_free_at AS turn FROM open_days AS o
    WHERE {which} AND o.first_free_at >= %(since)s
        AND (o.first_free_at, o.doctor_id) < (%(until)s, %(least_id)s)
    ORDER BY o.first_free_at, o.doctor_id
"""
_WALK = "({begun}) UNION ALL ({ahead}) ORDER BY turn, doctor_id LIMIT %(walk)s"
_IN_TIME = """
    {seen} FROM ({walk}) AS o {seen_by} LIMIT %(size)s
"""
_FIRST_OF_EACH = """
    {seen}, o.passed FROM (
        SELECT * FROM (
            SELECT DISTINCT ON (doctor_id) *, count(*) OVER () AS passed FROM ({walk}) AS o
            ORDER BY doctor_id, turn, location_id, mode
        ) AS o
        ORDER BY turn, doctor_id
    ) AS o
    {seen_by} LIMIT %(size)s
"""
# The index begins with the specialization: without one, each has its walk.
_ALL_IN_TIME = """
    SELECT candidate.* FROM unnest(%(specializations)s::text[]) AS s (code),
        LATERAL ({in_time}) AS candidate
    ORDER BY turn, doctor_id, location_id, mode LIMIT %(size)s
"""
_PASSED = """
    SELECT count(*) FROM (({begun}) UNION ALL ({ahead}) LIMIT %(walk)s) AS passed
"""
_MOST_PASSED = """
    SELECT max(passed.count) FROM unnest(%(specializations)s::text[]) AS s (code),
        LATERAL ({passed}) AS passed
"""
_BY_DOCTOR = """
    {seen} FROM (
        SELECT * FROM (
            SELECT o.*, CASE WHEN o.first_free_at < %(since)s THEN {next_start}
                ELSE o.first_free_at END AS turn
            FROM unnest(%(doctors)s::uuid[]) AS f (id) JOIN open_days AS o ON o.doctor_id = f.id
            WHERE {which} AND o.local_date BETWEEN %(first)s AND %(last)s
                AND o.last_free_at >= %(since)s AND o.first_free_at < %(until)s
        ) AS o
        WHERE turn < %(until)s ORDER BY turn, doctor_id
    ) AS o
    {seen_by} LIMIT %(size)s
"""
# Rows are read as JSON faster than column by column.
_AS_JSON = """
    SELECT json_build_array(turn, doctor_id, location_id, mode, local_date, could_begin_at,
        distance_km, ends_at, capacity, free)::text{more}
    FROM ({page}) AS page
"""
_SEEN = """
    SELECT o.turn, o.doctor_id, o.location_id, o.mode, o.local_date,
        CASE WHEN place.is_active AND begins.at < least(%(until)s, seen.latest) THEN begins.at END
            AS could_begin_at,
        place.distance_km, slot.ends_at, o.capacity, slot.free
"""
# OFFSET keeps these subqueries what they are, one look each for a row whose turn it is; and there
# are fewer ways to join them all to think through than to walk.
_SEEN_BY = """
    JOIN insurance_providers AS p ON p.id = %(provider)s
    CROSS JOIN LATERAL (
        SELECT %(at)s + coalesce(r.lead_time_minutes, 0) * interval '1 minute' AS soonest,
            %(at)s + coalesce(r.horizon_days, %(horizon)s) * interval '1 day' AS latest
        FROM doctor_insurance_consent AS c
        JOIN doctors AS d ON d.id = c.doctor_id
        LEFT JOIN booking_rules AS r ON r.doctor_id = d.id
        WHERE c.doctor_id = o.doctor_id AND c.insurance_provider_id = p.id
            AND c.data_classes @> %(shared)s::varchar[] AND {shows}
        OFFSET 0
    ) AS seen
    CROSS JOIN LATERAL ({place} OFFSET 0) AS place
    CROSS JOIN LATERAL (
        SELECT CASE WHEN o.turn < seen.soonest THEN {next_start} ELSE o.turn END AS at
        OFFSET 0
    ) AS begins
    {slot}
    {near_enough}
"""
# Few places are not in use, and an index of these few tells it without a look at the place.
_PLACE = """
    SELECT NULL::float8 AS distance_km, NOT EXISTS (
        SELECT FROM doctor_locations AS l WHERE l.id = o.location_id AND NOT l.is_active
    ) AS is_active
"""
# By the haversine formula, on a globe of the earth's mean radius.
_PLACE_AND_DISTANCE = """
    SELECT l.is_active, 2 * 6371.0 * asin(least(1, sqrt(
        sind((l.latitude::float8 - %(latitude)s) / 2) ^ 2
        + cosd(l.latitude::float8) * cosd(%(latitude)s)
        * sind((l.longitude::float8 - %(longitude)s) / 2) ^ 2
    ))) AS distance_km
    FROM doctor_locations AS l WHERE l.id = o.location_id
"""
# A start that the bits give is free, unless the doctor's registration has ended by then or
# somebody holds it, or another place on a day that is then full. (Two days, as the date may be
# another one where the doctor lives.) What the slot is like, the row tells when all that are free
# that day are alike.
_SLOT = """
    LEFT JOIN LATERAL (
        SELECT ends_at, CASE WHEN o.capacity = 1 THEN 1 ELSE o.capacity - (
            SELECT count(DISTINCT p.lane) FROM appointments AS p
            WHERE p.doctor_id = o.doctor_id AND p.status NOT IN ('CANCELLED', 'HELD')
                AND p.appointment_time > begins.at - %(longest_slot)s
                AND p.appointment_time < alike.ends_at AND p.ends_at > begins.at
        ) END AS free
        FROM (SELECT begins.at + o.slot_minutes * interval '1 minute') AS alike (ends_at)
        WHERE NOT EXISTS (
            SELECT FROM appointments AS h
            WHERE h.doctor_id = o.doctor_id AND h.status = 'HELD' AND h.hold_expires_at > %(at)s
        ) AND NOT EXISTS (
            SELECT FROM doctor_credentials AS r
            WHERE r.doctor_id = o.doctor_id AND r.kind = 'REGISTRATION' AND r.verified
                AND r.replaced_by_id IS NULL AND r.valid_until < o.local_date + 2
        )
        OFFSET 0
    ) AS slot ON true
"""
# Null when they are not few.
_FEW = """
    SELECT CASE WHEN count(*) <= %(few)s THEN coalesce(array_agg(DISTINCT doctor_id), '{{}}') END
    FROM ({doctors} LIMIT %(few)s + 1) AS few
"""
NEAR = """
    SELECT l.doctor_id FROM doctor_locations AS l
    WHERE l.latitude BETWEEN %(south)s AND %(north)s AND l.longitude BETWEEN %(west)s AND %(east)s
        AND (SELECT d.specialization FROM doctors AS d WHERE d.id = l.doctor_id)
            = ANY(%(specializations)s)
"""
CONSENTING = """
    SELECT doctor_id FROM doctor_insurance_consent
    WHERE insurance_provider_id = %(provider)s AND consent_status = 'ACTIVE'
"""


@lru_cache
def candidates(*, by_doctor: bool, asks: frozenset[str]) -> str:
    """Write the statement for a search that asks for these things."""
    parts = _parts(by_doctor=by_doctor, asks=asks)
    if by_doctor:
        return _as_json(_BY_DOCTOR.format(**parts))
    page = _IN_TIME.format(**parts)
    if "specialization" not in asks:
        page = _ALL_IN_TIME.format(in_time=page)
    return _as_json(page)


@lru_cache
def first_of_each(asks: frozenset[str]) -> str:
    """Write the statement for each doctor's first open day, and how many were passed for them."""
    page = _FIRST_OF_EACH.format(**_parts(by_doctor=False, asks=asks))
    return _as_json(page, more=", passed")


@lru_cache
def passed(asks: frozenset[str]) -> str:
    """Write the statement that counts what such a search has passed in the order of time."""
    count = _PASSED.format(**_parts(by_doctor=False, asks=asks))
    return count if "specialization" in asks else _MOST_PASSED.format(passed=count)


def _parts(*, by_doctor: bool, asks: frozenset[str]) -> dict[str, str]:
    near = "near" in asks
    parts = {
        "columns": _COLUMNS,
        "which": _which(by_doctor=by_doctor, asks=asks),
        "skipped": _SKIPPED.format(since=_SINCE),
        "next_after": _NEXT_START.format(skipped="o.skipped"),
        "next_start": _next_start(_SINCE),
        "seen": _SEEN,
        "seen_by": _SEEN_BY.format(
            shows=SHOWS,
            next_start=_next_start("seen.soonest"),
            place=_PLACE_AND_DISTANCE if near else _PLACE,
            slot=_SLOT,
            near_enough="WHERE place.distance_km <= %(distance_km)s" if near else "",
        ),
    }
    parts |= {"begun": _BEGUN.format(**parts), "ahead": _AHEAD.format(**parts)}
    return parts | {"walk": _WALK.format(**parts)}


def _which(*, by_doctor: bool, asks: frozenset[str]) -> str:
    conditions = ["o.doctor_id <> ALL(%(without)s::uuid[])"]
    if "specialization" in asks:
        conditions.append("o.specialization = %(specialization)s")
    elif not by_doctor:
        conditions.append("o.specialization = s.code")
    if "city" in asks:
        # The database's own capitals, as in the row.
        conditions.append("o.city = upper(%(city)s)")
    if "mode" in asks:
        conditions.append("o.mode = %(mode)s")
    return " AND ".join(conditions)


def _as_json(page: str, *, more: str = "") -> str:
    """Write the statement that gives the rows of a page, all in one line.

    The driver remembers how it reads a statement, but none of more than 4,096 characters.
    """
    return " ".join(_AS_JSON.format(page=page, more=more).split())


def _next_start(since: str) -> str:
    return _NEXT_START.format(skipped=_SKIPPED.format(since=since))


def few(doctors: str) -> str:
    """Write the statement that gives these doctors if they are few."""
    return _FEW.format(doctors=doctors)
