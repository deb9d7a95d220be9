from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from consent.models import Consent, ConsentEvent, ConsentRequest
from consent.tests.factories import make_request, make_withdrawn_consent
from consent.tests.pages import answers, text
from consent.views import giving, requests
from registry.models import Doctor, InsuranceProvider, User
from registry.tests.factories import NOW, make_admin, make_provider, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for views in (giving, requests):
        monkeypatch.setattr(views, "now", lambda: NOW)
    monkeypatch.setattr("docport.views.now", lambda: NOW)


@pytest.fixture
def asked(doctor: Doctor) -> ConsentRequest:
    return make_request(
        doctor=doctor,
        insurance_provider=make_provider(name="Nila Health"),
        asked_at=NOW - DAY,
        message="Our members <b>near you</b> look for a doctor.",
    )


def url(name: str, provider: InsuranceProvider) -> str:
    return reverse(name, args=[provider.slug])


def test_who_asks_comes_first_with_all_that_is_needed_to_answer(
    page: Client, asked: ConsentRequest
) -> None:
    make_provider(name="Aarogya")

    answer = page.get(reverse("docport:insurers"))

    shown = text(answer)
    for words in [
        "Nila Health asks to see you",
        asked.insurance_provider.information_use,
        "Profile, Availability",
        "Sunday 22 November 2026, 9am",
        "Tuesday 22 December 2026, 9am",
        "It sees nothing until you say yes",
        url("consent:give", asked.insurance_provider),
        url("consent:decline", asked.insurance_provider),
    ]:
        assert words in shown
    assert b"&lt;b&gt;near you&lt;/b&gt;" in answer.content
    assert shown.index("Nila Health") < shown.index("Aarogya")


def test_nothing_is_asked_of_anybody_else(client: Client, asked: ConsentRequest) -> None:
    client.force_login(make_user())

    assert "asks to see you" not in text(client.get(reverse("docport:insurers")))
    answer = client.post(url("consent:decline", asked.insurance_provider))
    assert answer["Location"] == url("docport:insurer", asked.insurance_provider)
    asked.refresh_from_db()
    assert asked.answer == ""


def test_saying_yes_goes_the_way_of_every_consent(page: Client, asked: ConsentRequest) -> None:
    provider = asked.insurance_provider
    chosen = answers(provider, data_classes=["profile"])

    opened = page.get(url("consent:give", provider))
    given = page.post(url("consent:give", provider), chosen | {"confirm": "yes"})

    shown = text(opened)
    assert "Nila Health asks for: Profile, Availability." in shown
    assert shown.count('<span class="tag">Asked for</span>') == 2
    assert shown.count(" checked") == 2, "what is asked for is not ticked"
    consent = Consent.objects.get()
    assert consent.data_classes == ["profile"]
    event = ConsentEvent.objects.get(consent=consent)
    assert given["Location"] == reverse("consent:receipt", args=[event.pk])
    asked.refresh_from_db()
    assert asked.answer == "ACCEPTED"
    assert "asks to see you" not in text(page.get(reverse("docport:insurers")))


def test_saying_no_leads_to_a_receipt_and_the_history(page: Client, asked: ConsentRequest) -> None:
    provider = asked.insurance_provider

    answer = page.post(url("consent:decline", provider), follow=True)

    event = ConsentEvent.objects.get()
    assert answer.redirect_chain == [(reverse("consent:receipt", args=[event.pk]), 302)]
    shown = text(answer)
    for words in [
        "Nila Health is not told",
        "<dd>Declined</dd>",
        "<dd>Never</dd>",
        "Signature valid",
    ]:
        assert words in shown
    detail = text(page.get(url("docport:insurer", provider)))
    assert "You said no to this insurer. It was not told." in detail
    assert event.receipt_number in detail
    assert "asks to see you" not in detail
    assert "Turn on" in detail
    download = page.get(reverse("consent:receipt_json", args=[event.pk]))
    assert download.json()["receipt"]["event"]["type"] == "declined"


def test_saying_no_twice_says_so(page: Client, asked: ConsentRequest) -> None:
    page.post(url("consent:decline", asked.insurance_provider))

    answer = page.post(url("consent:decline", asked.insurance_provider), follow=True)

    assert "nothing to decline" in text(answer)
    assert ConsentEvent.objects.count() == 1


def test_a_request_beside_an_earlier_consent_leads_to_what_was_before(
    page: Client, doctor: Doctor
) -> None:
    ended = make_withdrawn_consent(
        doctor=doctor,
        granted_at=NOW - 300 * DAY,
        revoked_at=NOW - 200 * DAY,
        erase_by=NOW - 170 * DAY,
    )
    make_request(doctor=doctor, insurance_provider=ended.insurance_provider, asked_at=NOW - DAY)

    listed = text(page.get(reverse("docport:insurers")))
    detail = text(page.get(url("docport:insurer", ended.insurance_provider)))

    assert "What was before" in listed
    assert "You withdrew on" in detail
    assert "asks to see you" in detail


@pytest.mark.parametrize("role", [User.Role.DELEGATE, User.Role.ADMIN, User.Role.INSURER])
def test_nobody_but_the_doctor_answers(client: Client, asked: ConsentRequest, role: str) -> None:
    doctor = Doctor.objects.get(registration_number=asked.registration_number)
    whose = {"doctor": doctor} if role == User.Role.DELEGATE else {}
    client.force_login(make_user(role=role, **whose))

    assert client.post(url("consent:decline", asked.insurance_provider)).status_code == 404
    asked.refresh_from_db()
    assert asked.answer == ""


def test_a_no_needs_a_signed_in_doctor_and_a_post(page: Client, asked: ConsentRequest) -> None:
    address = url("consent:decline", asked.insurance_provider)

    assert page.get(address).status_code == 405
    assert Client().post(address)["Location"].startswith(reverse("account_login"))
    assert page.post(reverse("consent:decline", args=["nobody"])).status_code == 404


def test_somebody_elses_no_is_not_found(
    page: Client, client: Client, asked: ConsentRequest
) -> None:
    page.post(url("consent:decline", asked.insurance_provider))
    event = ConsentEvent.objects.get()
    client.force_login(make_user())

    for name in ("receipt", "receipt_json"):
        assert client.get(reverse(f"consent:{name}", args=[event.pk])).status_code == 404


def test_admins_see_requests_and_change_nothing(client: Client, asked: ConsentRequest) -> None:
    client.force_login(make_admin())
    listed = reverse("admin:consent_consentrequest_changelist")
    opened = reverse("admin:consent_consentrequest_change", args=[asked.pk])

    assert asked.registration_number in text(client.get(listed, {"q": asked.registration_number}))
    assert client.get(opened).status_code == 200
    assert client.post(opened, {}).status_code == 403
