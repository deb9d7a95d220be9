import pytest
from django.test import Client
from django.urls import reverse

from consent.models import ConsentEvent
from consent.receipts import canonical, verify
from consent.tests.factories import make_consent
from consent.tests.pages import FAR_AWAY, LONG_AGO, answers, give_url, make_receipt, text
from registry.models import Doctor
from registry.tests.factories import (
    make_provider,
)

pytestmark = pytest.mark.django_db


def test_the_receipt_page_shows_what_was_signed(page: Client) -> None:
    provider = make_provider(contact_email="help@example.org")
    event = make_receipt(page, provider)

    shown = text(page.get(reverse("consent:receipt", args=[event.pk])))

    for words in [
        event.receipt_number,
        event.receipt_sha256,
        event.signature,
        event.receipt["processing"]["notice"]["sha256"],
        "Signature valid",
        "Your registration number",
        "help@example.org",
        reverse("consent:jwks"),
    ]:
        assert words in shown


def test_the_receipt_page_says_when_words_were_not_signed(page: Client, doctor: Doctor) -> None:
    event = make_receipt(page, make_provider())
    forged = ConsentEvent.objects.create(
        consent=event.consent,
        version=2,
        kind="changed",
        at=event.at,
        receipt=event.receipt,
        receipt_sha256="0" * 64,
        signature="forged",
    )

    assert "Signature not valid" in text(page.get(reverse("consent:receipt", args=[forged.pk])))


def test_the_receipt_of_a_limited_consent_says_when_it_ends_and_is_erased(
    page: Client, doctor: Doctor
) -> None:
    standing = make_consent(doctor=doctor, granted_at=LONG_AGO, expires_at=FAR_AWAY)
    provider = standing.insurance_provider
    page.post(give_url(provider), answers(provider, period="as_now", confirm="yes"))

    event = ConsentEvent.objects.get()
    shown = text(page.get(reverse("consent:receipt", args=[event.pk])))

    assert "Monday 2 January 2090, 9:30am" in shown
    assert "Wednesday 1 February 2090, 9:30am" in shown


def test_the_download_holds_all_that_is_needed_to_check_it(page: Client) -> None:
    event = make_receipt(page, make_provider())

    answer = page.get(reverse("consent:receipt_json", args=[event.pk]))

    assert event.receipt_number in answer["Content-Disposition"]
    downloaded = answer.json()
    assert verify(downloaded["signature"]) == canonical(downloaded["receipt"])
    assert downloaded["receipt_sha256"] == event.receipt_sha256
