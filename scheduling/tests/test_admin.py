import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from registry.tests.factories import make_admin, make_doctor, make_location, make_provider
from scheduling.models import Appointment, BookingRules
from scheduling.tests.factories import make_appointment, make_exception, make_window

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_admin())
    return client


@pytest.mark.parametrize(
    "model", ["availability", "availabilityexception", "bookingrules", "appointment"]
)
def test_admins_see_rows_and_change_none(
    admin: Client, model: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows: dict[str, list[Model]] = {
        "availability": [make_window(make_doctor()) for _ in range(8)],
        "availabilityexception": [make_exception(make_doctor()) for _ in range(8)],
        "bookingrules": [BookingRules.objects.create(doctor=make_doctor()) for _ in range(8)],
        "appointment": [make_appointment(make_doctor(), make_provider()) for _ in range(8)],
    }
    row = rows[model][0]
    detail = reverse(f"admin:scheduling_{model}_change", args=[row.pk])

    with django_assert_max_num_queries(10):
        response = admin.get(reverse(f"admin:scheduling_{model}_changelist"))

    assertContains(response, detail)
    assert admin.get(detail).status_code == 200
    assert admin.post(detail, {}).status_code == 403
    assert admin.get(reverse(f"admin:scheduling_{model}_add")).status_code == 403
    assert admin.post(reverse(f"admin:scheduling_{model}_delete", args=[row.pk])).status_code == 403


def test_admins_see_neither_patient_nor_private_words(admin: Client) -> None:
    doctor = make_doctor()
    leave = make_exception(doctor, reason="Own surgery")
    appointment = make_appointment(
        doctor,
        make_provider(),
        make_location(doctor),
        status=Appointment.Status.CANCELLED,
        cancel_note="Patient is abroad",
    )

    for model, row in (("availabilityexception", leave), ("appointment", appointment)):
        response = admin.get(reverse(f"admin:scheduling_{model}_change", args=[row.pk]))
        for words in ("Own surgery", "patient-7731", "Patient is abroad"):
            assertNotContains(response, words)
