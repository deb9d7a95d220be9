from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.models import ConsentEvent
from consent.tests.factories import make_consent, make_withdrawn_consent
from consent.tests.pages import LONG_AGO, answers, give_url, make_receipt, text
from registry.models import Doctor, User
from registry.tests.factories import (
    make_admin,
    make_doctor,
    make_provider,
    make_user,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def test_each_insurer_has_its_own_card_and_state(page: Client, doctor: Doctor) -> None:
    on = make_consent(doctor=doctor, granted_at=LONG_AGO, data_classes=["profile", "availability"])
    make_consent(doctor=doctor, granted_at=LONG_AGO, expires_at=LONG_AGO + DAY)
    make_withdrawn_consent(doctor=doctor, granted_at=LONG_AGO)
    make_withdrawn_consent(
        doctor=doctor, granted_at=LONG_AGO, revoked_at=LONG_AGO + DAY, erase_by=LONG_AGO + DAY
    )
    make_withdrawn_consent(
        doctor=doctor,
        granted_at=LONG_AGO,
        revoked_at=LONG_AGO + DAY,
        erase_by=LONG_AGO + DAY,
        erasure_acknowledged_at=LONG_AGO + DAY,
        erased_at=LONG_AGO + DAY,
    )
    make_provider(name="Never Met")
    suspended = make_provider(integration_status="SUSPENDED")
    make_consent(doctor=doctor, insurance_provider=suspended, granted_at=LONG_AGO)
    make_provider(name="Live One", integration_status="LIVE")
    make_provider(name="Gone", integration_status="SUSPENDED")

    shown = text(page.get(reverse("docport:insurers")))

    assert "1 of 7</strong> can see you now" in shown
    assert "Shares: Profile, Availability." in shown
    assert on.insurance_provider.information_use in shown
    for words in [
        "Monday 6 January 2020",
        "until you withdraw",
        "Your consent ended on",
        "You withdrew on",
        "has to erase what it holds by",
        "should have erased what it holds by",
        "says that it has erased what it held",
        "never seen anything",
        "nothing can be read now",
    ]:
        assert words in shown
    assert "Live One" not in shown
    assert "Gone" not in shown


def test_an_empty_list_says_the_next_step(page: Client) -> None:
    shown = text(page.get(reverse("docport:insurers")))

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
        reverse("docport:insurers"),
        reverse("docport:insurer", args=[provider.slug]),
        give_url(provider),
    ]:
        shown = text(client.get(url))
        assert words in shown
        assert "Turn on" not in shown
        assert "Check what is shared" not in shown


def test_the_history_lists_every_step_newest_first(page: Client, doctor: Doctor) -> None:
    provider = make_provider(contact_name="Help Desk", contact_email="help@example.org")
    make_receipt(page, provider)
    page.post(give_url(provider), answers(provider, data_classes=["profile"], confirm="yes"))

    shown = text(page.get(reverse("docport:insurer", args=[provider.slug])))

    newer, older = shown.index("Changed"), shown.index("Given")
    assert newer < older
    assert "help@example.org" in shown
    for event in ConsentEvent.objects.all():
        assert reverse("consent:receipt", args=[event.pk]) in shown


def test_an_insurer_without_history_says_so(page: Client) -> None:
    shown = text(page.get(reverse("docport:insurer", args=[make_provider().slug])))

    assert "Nothing has happened" in shown


def pages_of(event: ConsentEvent) -> list[str]:
    slug = event.about.insurance_provider.slug
    return [
        reverse("docport:insurer", args=[slug]),
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

    assert page.get(reverse("docport:insurer", args=[live.slug])).status_code == 404
    assert page.get(give_url(live)).status_code == 404
    assert page.get(reverse("docport:insurer", args=["nobody"])).status_code == 404


@pytest.mark.parametrize("role", [User.Role.DELEGATE, User.Role.ADMIN, User.Role.INSURER])
def test_nobody_but_the_doctor_touches_consent(
    page: Client, client: Client, doctor: Doctor, role: str
) -> None:
    event = make_receipt(page, make_provider())
    whose = {"doctor": doctor} if role == User.Role.DELEGATE else {}

    client.force_login(make_user(role=role, **whose))

    for url in [reverse("docport:insurers"), *pages_of(event)]:
        assert client.get(url).status_code == 404
    provider = event.about.insurance_provider
    assert client.post(give_url(provider), answers(provider, confirm="yes")).status_code == 404
    assert ConsentEvent.objects.count() == 1


def test_strangers_sign_in_first(page: Client) -> None:
    event = make_receipt(page, make_provider())

    for url in [reverse("docport:insurers"), *pages_of(event)]:
        assert Client().get(url)["Location"].startswith(reverse("account_login"))


def test_many_insurers_and_a_long_history_cost_no_more_queries(
    page: Client, doctor: Doctor, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    consents = [make_consent(doctor=doctor, granted_at=LONG_AGO) for _ in range(6)]
    provider = consents[0].insurance_provider
    for data_classes in (["profile"], ["profile", "credentials"], ["profile", "availability"]):
        page.post(give_url(provider), answers(provider, data_classes=data_classes, confirm="yes"))

    with django_assert_max_num_queries(9):
        listed = page.get(reverse("docport:insurers"))
    with django_assert_max_num_queries(10):
        detail = page.get(reverse("docport:insurer", args=[provider.slug]))
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
