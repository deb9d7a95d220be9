"""Which doctors a page of an insurer's list shows.

The insurer's consents are walked in the order of doctors, from the cursor on, until the page is
full. By hand, as the representations: Django takes longer to write this statement than the
database to answer it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from consent.models import SHOWS, DataClass
from integrations.api.periods import start_of
from registry.models import InsuranceProvider
from registry.statements import prepared

_FIRST = UUID(int=0)
# OFFSET keeps the walk a walk: else the planner, which knows little of our conditions, would
# rather read all doctors and sort them.
_PAGE = f"""
    SELECT c.doctor_id
    FROM doctor_insurance_consent AS c
    CROSS JOIN LATERAL (
        SELECT FROM doctors AS d, (VALUES (%(status)s)) AS p (integration_status)
        WHERE d.id = c.doctor_id AND {SHOWS} AND {{filters}}
        OFFSET 0
    ) AS shown
    WHERE c.insurance_provider_id = %(provider)s AND c.consent_status = 'ACTIVE'
        AND c.doctor_id > %(after)s
    ORDER BY c.doctor_id LIMIT %(size)s
"""  # noqa: S608  Our own condition.
# City and state must hold for the same place.
_AT_PLACE = """EXISTS (
    SELECT FROM doctor_locations AS l WHERE l.doctor_id = d.id AND l.is_active AND {filters}
)"""
_OF_PLACE = {"city": "upper(l.city) = upper(%(city)s)", "state": "l.state = %(state)s"}
_OF_PROFILE = {
    "specialization": "d.specialization = %(specialization)s",
    "language": "d.languages @> ARRAY[%(language)s]::varchar[]",
    "q": "(d.full_name ILIKE %(pattern)s OR d.registration_number = upper(%(q)s))",
}
_OF_CHANGE = {"updated_since": "greatest(c.updated_at, d.updated_at) >= %(since)s"}
# What is not shared must not be found out by asking for it either.
_SHARES_PROFILE = f"c.data_classes @> '{{{DataClass.PROFILE}}}'"


def page(
    provider: InsuranceProvider,
    query: Mapping[str, Any],
    *,
    after: UUID | None,
    size: int,
    at: datetime,
) -> list[UUID]:
    """Give the doctors whom the insurer may see and who fit the filters, in the order of ids.

    Args:
        query: the filters of `DoctorQuery` that were given.
        after: the last doctor of the page before; `None` begins the list.
    """
    given = {
        **query,
        "provider": provider.pk,
        "status": provider.integration_status,
        "at": at,
        "after": after or _FIRST,
        "size": size,
        "pattern": f"%{_literal(query.get('q', ''))}%",
        "since": start_of(query["updated_since"], UTC) if "updated_since" in query else None,
    }
    with prepared() as cursor:
        cursor.execute(_PAGE.format(filters=_filters(query)), given)
        return [doctor_id for (doctor_id,) in cursor.fetchall()]


def _filters(query: Mapping[str, Any]) -> str:
    of_place, of_profile, of_change = (
        [sql for name, sql in filters.items() if name in query]
        for filters in (_OF_PLACE, _OF_PROFILE, _OF_CHANGE)
    )
    if of_place:
        of_profile.append(_AT_PLACE.format(filters=" AND ".join(of_place)))
    shares = [_SHARES_PROFILE] if of_profile else []
    return " AND ".join([*shares, *of_profile, *of_change]) or "true"


def _literal(text: str) -> str:
    """Keep LIKE from taking a character for a pattern."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
