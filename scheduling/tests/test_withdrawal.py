from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from consent.models import Consent, ConsentEvent
from consent.tests.factories import make_consent, make_request, make_withdrawn_consent
from registry.models import InsuranceProvider, OutboxEvent, User
from registry.tests.factories import make_location, make_provider, make_user
from scheduling import actions
from scheduling.models import Appointment
from scheduling.tests.factories import make_appointment

pytestmark = pytest.mark.django_db
# Pages read the clock, so what is to come must be far from it.
LONG_AGO = datetime(2020, 1, 6, 4, 0, tzinfo=UTC)
FAR_AWAY = datetime(2090, 1, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def address(provider: InsuranceProvider) -> str:
    return reverse("scheduling:withdraw", args=[provider.slug])


def make_booking(consent: Consent, after: timedelta = HOUR) -> Appointment:
    return make_appointment(
        consent.doctor,
        consent.insurance_provider,
        make_location(consent.doctor),
        appointment_time=FAR_AWAY + after,
        ends_at=FAR_AWAY + after + timedelta(minutes=15),
    )


@pytest.fixture
def standing() -> Consent:
    return make_consent(granted_at=LONG_AGO)


@pytest.fixture
def doctors_client(client: Client, standing: Consent) -> Client:
    client.force_login(make_user(doctor=standing.doctor))
    return client


def test_the_page_says_the_effect_and_its_time(doctors_client: Client, standing: Consent) -> None:
    answer = doctors_client.get(address(standing.insurance_provider))

    assert answer.status_code == 200
    assert "the moment you withdraw" in answer.content.decode()
    assert "within 30 days" in answer.content.decode()
    assert "Appointments to come" not in answer.content.decode()


def test_withdrawing_takes_three_taps_from_home(doctors_client: Client, standing: Consent) -> None:
    insurers, page = reverse("docport:insurers"), address(standing.insurance_provider)

    assert f'href="{insurers}"' in doctors_client.get(reverse("docport:home")).content.decode()
    assert f'href="{page}"' in doctors_client.get(insurers).content.decode()
    doctors_client.post(page)

    standing.refresh_from_db()
    assert standing.consent_status == "REVOKED"


def test_one_press_withdraws_and_keeps_appointments(
    doctors_client: Client, standing: Consent
) -> None:
    booked = make_booking(standing)

    answer = doctors_client.post(address(standing.insurance_provider))

    detail = reverse("docport:insurer", args=[standing.insurance_provider.slug])
    assert (answer.status_code, answer["Location"]) == (302, detail)
    standing.refresh_from_db()
    booked.refresh_from_db()
    assert standing.consent_status == "REVOKED"
    assert booked.status == "BOOKED"


def test_all_of_that_insurers_future_appointments_can_be_cancelled(
    doctors_client: Client, standing: Consent
) -> None:
    first, second = make_booking(standing), make_booking(standing, 2 * HOUR)
    past = make_appointment(
        standing.doctor,
        standing.insurance_provider,
        appointment_time=LONG_AGO,
        ends_at=LONG_AGO + HOUR,
    )
    other = make_appointment(
        standing.doctor,
        make_provider(),
        appointment_time=FAR_AWAY,
        ends_at=FAR_AWAY + timedelta(minutes=15),
    )

    doctors_client.post(address(standing.insurance_provider), {"appointments": "all"})

    cancelled = Appointment.objects.filter(status="CANCELLED", cancel_reason="consent_withdrawn")
    assert set(cancelled) == {first, second}
    assert set(Appointment.objects.filter(status="BOOKED")) == {past, other}
    told = OutboxEvent.objects.order_by("id").values_list("type", flat=True)
    assert list(told) == ["consent.revoked", "appointment.cancelled", "appointment.cancelled"]


def test_each_appointment_can_be_chosen_alone(doctors_client: Client, standing: Consent) -> None:
    kept, unwanted = make_booking(standing), make_booking(standing, 2 * HOUR)
    stranger = make_booking(make_consent(granted_at=LONG_AGO))
    ticked = [str(unwanted.pk), str(stranger.pk), "nonsense"]

    doctors_client.post(
        address(standing.insurance_provider), {"appointments": "each", "cancel": ticked}
    )

    for appointment in (kept, unwanted, stranger):
        appointment.refresh_from_db()
    assert (kept.status, unwanted.status, stranger.status) == ("BOOKED", "CANCELLED", "BOOKED")


def test_what_was_cancelled_can_be_undone_one_by_one(
    doctors_client: Client, standing: Consent
) -> None:
    booked = make_booking(standing)
    doctors_client.post(address(standing.insurance_provider), {"appointments": "all"})

    answer = doctors_client.post(
        reverse("scheduling:appointment_undo", args=[booked.pk]), follow=True
    )

    assert "Undone: it is booked again." in answer.text
    booked.refresh_from_db()
    standing.refresh_from_db()
    assert (booked.status, standing.consent_status) == ("BOOKED", "REVOKED")


def test_a_hold_is_nobodys_appointment_yet(doctors_client: Client, standing: Consent) -> None:
    make_appointment(
        standing.doctor,
        standing.insurance_provider,
        status="HELD",
        appointment_time=FAR_AWAY,
        ends_at=FAR_AWAY + timedelta(minutes=15),
        hold_expires_at=FAR_AWAY,
    )

    answer = doctors_client.get(address(standing.insurance_provider))

    assert "Appointments to come" not in answer.text


@pytest.mark.parametrize("what", ["keep", "", "nonsense"])
def test_ticks_without_that_choice_cancel_nothing(
    doctors_client: Client, standing: Consent, what: str
) -> None:
    booked = make_booking(standing)

    doctors_client.post(
        address(standing.insurance_provider), {"appointments": what, "cancel": [str(booked.pk)]}
    )

    booked.refresh_from_db()
    standing.refresh_from_db()
    assert (booked.status, standing.consent_status) == ("BOOKED", "REVOKED")


def test_an_appointment_that_somebody_else_just_cancelled_stops_nothing(
    doctors_client: Client, standing: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_booking(standing)
    cancel = actions.cancel

    def cancel_after_the_insurer(*, appointment: Appointment, **given: Any) -> Appointment:
        provider = appointment.insurance_provider
        cancel(appointment=appointment, reason="patient_request", by=provider, at=FAR_AWAY)
        return cancel(appointment=appointment, **given)

    monkeypatch.setattr(actions, "cancel", cancel_after_the_insurer)
    doctors_client.post(address(standing.insurance_provider), {"appointments": "all"})

    assert Appointment.objects.get().cancel_reason == "patient_request"
    standing.refresh_from_db()
    assert standing.consent_status == "REVOKED"


def test_pressing_twice_is_friendly(doctors_client: Client, standing: Consent) -> None:
    doctors_client.post(address(standing.insurance_provider))

    answer = doctors_client.post(address(standing.insurance_provider), follow=True)

    assert "already ended" in answer.content.decode()
    assert ConsentEvent.objects.get().kind == "withdrawn"


def test_the_page_of_a_withdrawn_consent_leads_to_its_history(client: Client) -> None:
    withdrawn = make_withdrawn_consent()
    client.force_login(make_user(doctor=withdrawn.doctor))

    answer = client.get(address(withdrawn.insurance_provider))

    assert answer.status_code == 302
    assert "/withdraw/" not in answer["Location"]


def test_what_was_never_given_is_not_found(doctors_client: Client, standing: Consent) -> None:
    asked = make_request(doctor=standing.doctor)

    assert doctors_client.get(address(asked.insurance_provider)).status_code == 404
    assert doctors_client.post(address(make_provider())).status_code == 404


def test_somebody_elses_consent_is_not_found(client: Client, standing: Consent) -> None:
    client.force_login(make_user())

    assert client.post(address(standing.insurance_provider)).status_code == 404
    standing.refresh_from_db()
    assert standing.consent_status == "ACTIVE"


@pytest.mark.parametrize("role", [User.Role.DELEGATE, User.Role.ADMIN, User.Role.INSURER])
def test_only_the_doctor_withdraws(client: Client, standing: Consent, role: str) -> None:
    whose = {"doctor": standing.doctor} if role == User.Role.DELEGATE else {}
    client.force_login(make_user(role=role, **whose))

    assert client.post(address(standing.insurance_provider)).status_code == 404
    standing.refresh_from_db()
    assert standing.consent_status == "ACTIVE"


def test_strangers_sign_in_first(client: Client, standing: Consent) -> None:
    answer = client.post(address(standing.insurance_provider))

    assert answer["Location"].startswith(reverse("account_login"))


def test_many_appointments_cost_no_more_queries(
    doctors_client: Client,
    standing: Consent,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for hours in range(5):
        make_booking(standing, hours * HOUR)

    with django_assert_max_num_queries(6):
        answer = doctors_client.get(address(standing.insurance_provider))

    assert answer.content.decode().count('name="cancel"') == 5
