from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from consent.forms import months_later
from consent.models import Consent, ConsentEvent
from consent.tests.factories import make_consent, make_withdrawn_consent
from consent.tests.pages import FAR_AWAY, LONG_AGO, answers, give_url, notice_of, text
from registry.models import Doctor
from registry.tests.factories import (
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)

pytestmark = pytest.mark.django_db


def test_opting_in_before_verification_is_refused_with_everything_kept(client: Client) -> None:
    provider = make_provider()
    client.force_login(make_user(doctor=make_draft_doctor()))

    answer = client.post(give_url(provider), answers(provider, confirm="yes", period="1_year"))

    assert answer.status_code == 422
    assert "once we have verified you" in text(answer)
    assert 'value="1_year" required id="id_period_2" checked' in text(answer)
    assert not Consent.objects.exists()


def test_the_page_shows_every_word_that_the_receipt_hashes(page: Client) -> None:
    provider = make_provider(name="Good & Health")
    notice = notice_of(provider)

    shown = text(page.get(give_url(provider)))

    words = [notice.purpose, notice.information_use, notice.sha256]
    words += [*notice.never_shared, *notice.withdrawal, *notice.rights, *notice.complaint]
    for piece in notice.data_classes:
        words += [piece.name, piece.summary, *(item.words for item in piece.items)]
    assert [missing for missing in words if missing not in shown] == []
    assert "{" not in "".join(words)


def test_the_profile_is_ticked_and_nothing_else(page: Client) -> None:
    shown = text(page.get(give_url(make_provider())))

    assert shown.count('type="checkbox"') == 4
    assert 'value="profile" id="id_data_classes_0" checked' in shown
    assert shown.count(" checked") == 2  # The profile, and "until I withdraw".


def test_the_doctor_sees_the_very_values_before_confirming(page: Client, doctor: Doctor) -> None:
    provider = make_provider()
    make_location(doctor, phone="+918012345678", latitude="12.9", longitude="77.5")
    make_verified_credential(doctor, valid_until=FAR_AWAY.date())

    answer = page.post(
        give_url(provider), answers(provider, data_classes=["profile", "credentials"])
    )

    shown = text(answer)
    assert answer.status_code == 200
    for value in [
        doctor.full_name,
        str(doctor.registration_number),
        "Karnataka Medical Council",
        "General medicine",
        "English, Kannada",
        "₹600.00",
        doctor.email,
        "Jayanagar Clinic, 12, 4th Block, Bengaluru 560011, Karnataka, +918012345678",
        "MBBS, Bangalore Medical College, 2008",
        "you have not filled it in",
    ]:
        assert value in shown
    assert "Worked out from" not in shown
    assert not Consent.objects.exists()


def test_confirming_gives_consent_and_leads_to_the_receipt(page: Client, doctor: Doctor) -> None:
    provider = make_provider()

    answer = page.post(give_url(provider), answers(provider, confirm="yes", period="6_months"))

    consent = Consent.objects.get()
    event = ConsentEvent.objects.get()
    assert (consent.doctor, consent.insurance_provider) == (doctor, provider)
    assert consent.data_classes == ["profile", "availability"]
    assert consent.expires_at
    assert 180 <= (consent.expires_at - consent.granted_at).days <= 185
    assert answer["Location"] == reverse("consent:receipt", args=[event.pk])


def test_going_back_keeps_what_was_chosen(page: Client) -> None:
    provider = make_provider()

    shown = text(page.post(give_url(provider), answers(provider, edit="yes")))

    assert 'value="availability" id="id_data_classes_2" checked' in shown
    assert "There is a problem" not in shown
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"data_classes": []}, "Choose what to share."),
        ({"data_classes": ["availability"]}, "Tick Profile too"),
        ({"data_classes": ["profile", "bank_account"]}, "Select a valid choice"),
        ({"period": ""}, "Choose for how long."),
        ({"period": "as_now"}, "Select a valid choice"),
        ({"notice": "0" * 64}, "The words of this page changed"),
        ({"notice": ""}, "The words of this page changed"),
    ],
)
@pytest.mark.parametrize("step", ["review", "confirm"])
def test_a_wrong_form_is_shown_again_and_gives_nothing(
    page: Client, wrong: dict[str, Any], words: str, step: str
) -> None:
    provider = make_provider()

    answer = page.post(give_url(provider), answers(provider, **wrong, **{step: "yes"}))

    assert answer.status_code == 422
    assert words in text(answer)
    assert f'name="notice" value="{notice_of(provider).sha256}"' in text(answer)
    assert not Consent.objects.exists()


def test_confirming_twice_gives_one_consent(page: Client) -> None:
    provider = make_provider()
    page.post(give_url(provider), answers(provider, confirm="yes"))

    answer = page.post(give_url(provider), answers(provider, confirm="yes"), follow=True)

    assert "nothing was changed" in text(answer)
    assert ConsentEvent.objects.get().kind == "given"


def test_a_consent_in_force_is_changed_on_the_same_page(page: Client, doctor: Doctor) -> None:
    standing = make_consent(doctor=doctor, granted_at=LONG_AGO, expires_at=FAR_AWAY)
    provider = standing.insurance_provider

    shown = text(page.get(give_url(provider)))
    answer = page.post(give_url(provider), answers(provider, period="as_now", confirm="yes"))

    assert "Until Monday 2 January 2090, as now" in shown
    assert shown.count(" checked") == 5
    standing.refresh_from_db()
    assert standing.data_classes == ["profile", "availability"]
    assert standing.expires_at == FAR_AWAY
    event = ConsentEvent.objects.get()
    assert (event.kind, answer["Location"]) == (
        "changed",
        reverse("consent:receipt", args=[event.pk]),
    )


def test_a_change_after_a_withdrawal_elsewhere_is_a_fresh_consent(
    page: Client, doctor: Doctor
) -> None:
    withdrawn = make_withdrawn_consent(doctor=doctor, granted_at=LONG_AGO)
    provider = withdrawn.insurance_provider

    page.post(give_url(provider), answers(provider, confirm="yes"))

    assert ConsentEvent.objects.get().kind == "given"


def test_six_months_after_a_long_month_is_the_last_day_of_a_short_one() -> None:
    assert months_later(datetime(2026, 8, 31, 9, tzinfo=UTC), 6) == datetime(
        2027, 2, 28, 9, tzinfo=UTC
    )
