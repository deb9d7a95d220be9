from datetime import UTC, date, datetime

import pytest

from consent.models import DataClass
from consent.previews import Shown, previews
from registry.tests.factories import (
    NOW,
    make_credential,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_verified_credential,
)

pytestmark = pytest.mark.django_db
# Already Tuesday in India.
MONDAY_EVENING = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def values_of(lines: list[Shown]) -> dict[str, tuple[str, ...]]:
    return {line.label: line.values for line in lines}


def test_places_are_written_out_with_what_is_known_of_them() -> None:
    doctor = make_doctor()
    make_location(doctor, name="A", phone="+918012345678", latitude="12.900000", longitude="77.5")
    make_location(doctor, name="B")
    make_location(doctor, name="Closed", is_active=False)

    places = values_of(previews(doctor, at=NOW)[DataClass.PROFILE])["Places"]

    assert places == (
        "A, 12, 4th Block, Bengaluru 560011, Karnataka, +918012345678, at 12.900000, 77.500000",
        "B, 12, 4th Block, Bengaluru 560011, Karnataka",
    )


def test_only_verified_credentials_are_shared() -> None:
    doctor = make_doctor()
    make_credential(doctor, degree="MD")
    make_verified_credential(doctor, verified_at=MONDAY_EVENING)
    make_verified_credential(doctor, kind="REGISTRATION", year=2007, valid_until=date(2030, 3, 31))
    make_verified_credential(doctor, degree="Fellowship", valid_until=date(2026, 11, 22))

    degree, registration = previews(doctor, at=NOW)[DataClass.CREDENTIALS]

    assert degree.label == "Degree"
    assert degree.values == (
        "MBBS, Bangalore Medical College, 2008",
        "Verified on Tuesday 24 November 2026",
    )
    assert registration.label == "Council registration"
    assert registration.values[-1] == "Valid until Sunday 31 March 2030"


def test_what_is_not_filled_in_is_shown_as_such() -> None:
    lines = previews(make_draft_doctor(), at=NOW)[DataClass.PROFILE]

    empty = {label for label, values in values_of(lines).items() if not values}
    assert {"Name", "Fee", "Years of experience", "Phone", "Places", "HPR ID"} <= empty
