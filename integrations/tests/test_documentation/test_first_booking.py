"""The guides: every block of their code is run as a reader would run it."""

import json
import os

import pytest
from django.utils.timezone import now

from integrations.tests.test_documentation.documents import blocks, shell
from integrations.tests.test_documentation.live import make_insurers, tell
from scheduling.models import Appointment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("_curl_fails_on_errors")
def test_the_first_booking_is_made_as_the_guide_says(web: str) -> None:
    insurer = make_insurers(at=now())[0]
    code = blocks(
        "guides/first-booking", **{"https://docport.example": web, "dpk_test_…": insurer.key}
    )
    assert {one.language for one in code} == {"sh"}
    printed = []

    with shell(os.environ) as session:
        for one in code:
            printed.append(session.run(one.code))
            tell(at=now())

    told = "".join(printed)
    assert json.loads(printed[1])["insurer"]["name"] == insurer.provider.name
    assert "Idempotency-Replayed: true" in told
    booked = Appointment.objects.get(external_appointment_id__startswith="V-", status="CANCELLED")

    for event in ("booked", "rescheduled", "cancelled"):
        assert f'"appointment.{event}","appointment/{booked.pk}"' in told
