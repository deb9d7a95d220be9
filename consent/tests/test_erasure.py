import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from consent import actions
from consent.models import Consent, ConsentEvent
from consent.tests.factories import make_consent, make_withdrawn_consent
from registry.models import AuditLog, OutboxEvent
from registry.tests.factories import NOW, make_admin, make_provider, make_user

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
WITHDRAWN_AT = NOW - timedelta(hours=1)


def acknowledge(consent: Consent, erased_at: datetime | None = None, at: datetime = NOW) -> Consent:
    return actions.acknowledge_erasure(
        consent=consent, erased_at=erased_at, by=consent.insurance_provider, at=at
    )


def test_an_insurer_acknowledges_first_and_erases_later() -> None:
    withdrawn = make_withdrawn_consent()

    known = acknowledge(withdrawn)
    assert (known.erasure_acknowledged_at, known.erased_at) == (NOW, None)
    erased = acknowledge(withdrawn, NOW + MINUTE, at=NOW + 2 * MINUTE)

    erased.refresh_from_db()
    assert (erased.erasure_acknowledged_at, erased.erased_at) == (NOW, NOW + MINUTE)
    assert erased.version == withdrawn.version
    lines = AuditLog.objects.order_by("timestamp")
    assert [line.action for line in lines] == ["consent.erasure_acknowledged", "consent.erased"]
    assert {line.performed_by_provider for line in lines} == {withdrawn.insurance_provider}
    assert lines[1].metadata["erased_at"] == "2026-11-23T03:31:00Z"
    assert not OutboxEvent.objects.exists()
    assert not ConsentEvent.objects.exists()


def test_both_can_be_said_at_once_and_again() -> None:
    withdrawn = make_withdrawn_consent()

    first = acknowledge(withdrawn, WITHDRAWN_AT)
    again = acknowledge(withdrawn, NOW, at=NOW + MINUTE)

    assert first.erased_at == again.erased_at == WITHDRAWN_AT
    assert again.erasure_acknowledged_at == NOW
    assert AuditLog.objects.count() == 2


def test_an_end_that_nobody_wrote_down_can_be_acknowledged() -> None:
    ended = make_consent(expires_at=NOW)

    acknowledged = acknowledge(ended, NOW)

    assert (acknowledged.consent_status, acknowledged.erased_at) == ("EXPIRED", NOW)
    assert OutboxEvent.objects.get().type == "consent.revoked"


def test_what_is_in_force_is_not_to_be_erased() -> None:
    standing = make_consent()

    with pytest.raises(actions.StillInForce):
        acknowledge(standing)

    standing.refresh_from_db()
    assert standing.erasure_acknowledged_at is None
    assert not AuditLog.objects.exists()


@pytest.mark.parametrize(
    "erased_at", [WITHDRAWN_AT - timedelta(microseconds=1), NOW + timedelta(microseconds=1)]
)
def test_nothing_is_erased_before_its_end_or_in_the_future(erased_at: datetime) -> None:
    withdrawn = make_withdrawn_consent()

    with pytest.raises(actions.ErasedAtImpossibleTime):
        acknowledge(withdrawn, erased_at)

    withdrawn.refresh_from_db()
    assert (withdrawn.erasure_acknowledged_at, withdrawn.erased_at) == (None, None)
    assert not AuditLog.objects.exists()


def test_giving_again_ends_the_duty_to_erase() -> None:
    withdrawn = make_withdrawn_consent()
    acknowledge(withdrawn, NOW)

    again = actions.give(
        doctor=withdrawn.doctor,
        provider=withdrawn.insurance_provider,
        data_classes=["profile"],
        expires_at=None,
        language="en",
        by=make_user(doctor=withdrawn.doctor),
        at=NOW,
    )

    again.refresh_from_db()
    assert (again.erase_by, again.erasure_acknowledged_at, again.erased_at) == (None, None, None)


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("overdue", {"Overdue Health"}),
        ("to_do", {"Overdue Health", "Early Health"}),
        ("done", {"Done Health"}),
        ("", {"Overdue Health", "Early Health", "Done Health", "Standing Health"}),
    ],
)
def test_admins_find_what_is_overdue(
    client: Client, monkeypatch: pytest.MonkeyPatch, chosen: str, names: set[str]
) -> None:
    monkeypatch.setattr("consent.admin.now", lambda: NOW)
    month = timedelta(days=30)
    long_ago = {"granted_at": NOW - 9 * month, "revoked_at": NOW - month, "erase_by": NOW}
    make_withdrawn_consent(insurance_provider=make_provider(name="Overdue Health"), **long_ago)
    make_withdrawn_consent(insurance_provider=make_provider(name="Early Health"))
    make_consent(insurance_provider=make_provider(name="Standing Health"))
    done = make_withdrawn_consent(insurance_provider=make_provider(name="Done Health"), **long_ago)
    acknowledge(done, NOW)
    client.force_login(make_admin())

    listed = client.get(reverse("admin:consent_consent_changelist"), {"erasure": chosen})

    rows = listed.content.decode().partition('id="result_list"')[2].partition("</table>")[0]
    assert set(re.findall(r">(\w+ Health)<", rows)) == names
