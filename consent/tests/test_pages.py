import html
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.forms import months_later
from consent.models import Consent, ConsentEvent
from consent.notices import Notice, notice_for
from consent.receipts import canonical, verify
from consent.tests.factories import make_consent, make_withdrawn_consent
from registry.models import Doctor, InsuranceProvider, User
from registry.tests.factories import (
    make_admin,
    make_doctor,
    make_draft_doctor,
    make_location,
    make_provider,
    make_user,
    make_verified_credential,
)

pytestmark = pytest.mark.django_db
# Pages read the clock: what holds began long ago, what ends does so far away.
LONG_AGO = datetime(2020, 1, 6, 4, 0, tzinfo=UTC)
FAR_AWAY = datetime(2090, 1, 2, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def doctor() -> Doctor:
    return make_doctor()


@pytest.fixture
def page(client: Client, doctor: Doctor) -> Client:
    client.force_login(make_user(doctor=doctor))
    return client


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def give_url(provider: InsuranceProvider) -> str:
    return reverse("consent:give", args=[provider.slug])


def notice_of(provider: InsuranceProvider) -> Notice:
    return notice_for(
        insurer=provider.name, information_use=provider.information_use, language="en"
    )


def answers(provider: InsuranceProvider, **given: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "data_classes": ["profile", "availability"],
        "period": "open",
        "notice": notice_of(provider).sha256,
    }
    return values | given


def test_each_insurer_has_its_own_card_and_state(page: Client, doctor: Doctor) -> None:
    on = make_consent(doctor=doctor, granted_at=LONG_AGO, data_classes=["profile", "availability"])
    make_consent(doctor=doctor, granted_at=LONG_AGO, expires_at=LONG_AGO + DAY)
    make_withdrawn_consent(doctor=doctor, granted_at=LONG_AGO)
    make_provider(name="Never Met")
    suspended = make_provider(integration_status="SUSPENDED")
    make_consent(doctor=doctor, insurance_provider=suspended, granted_at=LONG_AGO)
    make_provider(name="Live One", integration_status="LIVE")
    make_provider(name="Gone", integration_status="SUSPENDED")

    shown = text(page.get(reverse("consent:list")))

    assert "1 of 5</strong> can see you now" in shown
    assert "Shares: Profile, Availability." in shown
    assert on.insurance_provider.information_use in shown
    for words in [
        "Monday 6 January 2020",
        "until you withdraw",
        "Your consent ended on",
        "You withdrew on",
        "never seen anything",
        "nothing can be read now",
    ]:
        assert words in shown
    assert "Live One" not in shown
    assert "Gone" not in shown


def test_an_empty_list_says_the_next_step(page: Client) -> None:
    shown = text(page.get(reverse("consent:list")))

    assert "No insurers yet" in shown
    assert reverse("scheduling:hours") in shown


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("DRAFT", "finish your profile and send it to us"),
        ("SUBMITTED", "We are checking your profile"),
        ("SUSPENDED", "Your account is suspended"),
    ],
)
def test_before_verification_the_page_says_why_not_and_what_is_next(
    client: Client, status: str, words: str
) -> None:
    provider = make_provider()
    client.force_login(make_user(doctor=make_doctor(status=status)))

    for url in [
        reverse("consent:list"),
        reverse("consent:detail", args=[provider.slug]),
        give_url(provider),
    ]:
        shown = text(client.get(url))
        assert words in shown
        assert "Turn on" not in shown
        assert "Check what is shared" not in shown


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


def make_receipt(page: Client, provider: InsuranceProvider) -> ConsentEvent:
    page.post(give_url(provider), answers(provider, confirm="yes"))
    return ConsentEvent.objects.get()


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


def test_the_history_lists_every_step_newest_first(page: Client, doctor: Doctor) -> None:
    provider = make_provider(contact_name="Help Desk", contact_email="help@example.org")
    make_receipt(page, provider)
    page.post(give_url(provider), answers(provider, data_classes=["profile"], confirm="yes"))

    shown = text(page.get(reverse("consent:detail", args=[provider.slug])))

    newer, older = shown.index("Changed"), shown.index("Given")
    assert newer < older
    assert "help@example.org" in shown
    for event in ConsentEvent.objects.all():
        assert reverse("consent:receipt", args=[event.pk]) in shown


def test_an_insurer_without_history_says_so(page: Client) -> None:
    shown = text(page.get(reverse("consent:detail", args=[make_provider().slug])))

    assert "Nothing has happened" in shown


def pages_of(event: ConsentEvent) -> list[str]:
    slug = event.about.insurance_provider.slug
    return [
        reverse("consent:detail", args=[slug]),
        reverse("consent:give", args=[slug]),
        reverse("consent:receipt", args=[event.pk]),
        reverse("consent:receipt_json", args=[event.pk]),
    ]


def test_somebody_elses_receipt_is_not_found(page: Client, client: Client) -> None:
    event = make_receipt(page, make_provider())

    client.force_login(make_user())

    for url in pages_of(event)[2:]:
        assert client.get(url).status_code == 404


def test_an_insurer_of_the_other_world_is_not_found(page: Client) -> None:
    live = make_provider(integration_status="LIVE")

    assert page.get(reverse("consent:detail", args=[live.slug])).status_code == 404
    assert page.get(give_url(live)).status_code == 404
    assert page.get(reverse("consent:detail", args=["nobody"])).status_code == 404


@pytest.mark.parametrize("role", [User.Role.DELEGATE, User.Role.ADMIN, User.Role.INSURER])
def test_nobody_but_the_doctor_touches_consent(
    page: Client, client: Client, doctor: Doctor, role: str
) -> None:
    event = make_receipt(page, make_provider())
    whose = {"doctor": doctor} if role == User.Role.DELEGATE else {}

    client.force_login(make_user(role=role, **whose))

    for url in [reverse("consent:list"), *pages_of(event)]:
        assert client.get(url).status_code == 404
    provider = event.about.insurance_provider
    assert client.post(give_url(provider), answers(provider, confirm="yes")).status_code == 404
    assert ConsentEvent.objects.count() == 1


def test_strangers_sign_in_first(page: Client) -> None:
    event = make_receipt(page, make_provider())

    for url in [reverse("consent:list"), *pages_of(event)]:
        assert Client().get(url)["Location"].startswith(reverse("account_login"))


def test_many_insurers_and_a_long_history_cost_no_more_queries(
    page: Client, doctor: Doctor, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    consents = [make_consent(doctor=doctor, granted_at=LONG_AGO) for _ in range(6)]
    provider = consents[0].insurance_provider
    for data_classes in (["profile"], ["profile", "credentials"], ["profile", "availability"]):
        page.post(give_url(provider), answers(provider, data_classes=data_classes, confirm="yes"))

    with django_assert_max_num_queries(7):
        listed = page.get(reverse("consent:list"))
    with django_assert_max_num_queries(8):
        detail = page.get(reverse("consent:detail", args=[provider.slug]))
    with django_assert_max_num_queries(9):
        page.get(give_url(provider))

    assert text(listed).count('<li class="card">') == 6
    assert text(detail).count("Receipt ") == 3


def test_admins_look_and_change_nothing(page: Client, client: Client) -> None:
    event = make_receipt(page, make_provider())
    client.force_login(make_admin())

    for name, row in [("consent", event.about), ("consentevent", event)]:
        listed = reverse(f"admin:consent_{name}_changelist")
        opened = reverse(f"admin:consent_{name}_change", args=[row.pk])
        assert client.get(listed, {"q": "example.org"}).status_code == 200
        assert client.get(opened).status_code == 200
        assert client.post(opened, {}).status_code == 403
        assert client.get(reverse(f"admin:consent_{name}_add")).status_code == 403
