"""Two worlds: test mode sees synthetic doctors and no others, live mode real ones and no others."""

import re
from dataclasses import dataclass

import pytest
from django.test import Client

from consent.models import DataClass
from integrations.tests.doctors import open_on_tuesdays, wanted
from integrations.tests.insurers import Caller, make_caller
from integrations.tests.test_api_access import calls
from integrations.tests.test_api_tokens import make_token
from registry.models import Doctor, InsuranceProvider
from registry.tests.factories import NOW, make_doctor, make_provider
from scheduling import openings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

_Status = InsuranceProvider.Status


@dataclass(frozen=True)
class World:
    """A caller of one mode, a doctor of its world and one of the other; both have opted in."""

    caller: Caller
    own: Doctor
    other: Doctor


@pytest.fixture(params=["test key", "live key", "test token", "live token"])
def world(request: pytest.FixtureRequest) -> World:
    mode, shown = request.param.split()
    is_test = mode == "test"
    provider = make_provider(integration_status=_Status.SANDBOX if is_test else _Status.LIVE)
    caller = make_caller(insurance_provider=provider)
    if shown == "token":
        caller.key = make_token(insurance_provider=provider)
    own, other = (_doctor(caller, is_sandbox=synthetic) for synthetic in (is_test, not is_test))
    return World(caller, own, other)


def _doctor(caller: Caller, *, is_sandbox: bool) -> Doctor:
    doctor = make_doctor(is_sandbox=is_sandbox)
    open_on_tuesdays(caller, doctor=doctor, data_classes=DataClass.values)
    openings.refresh_all(doctor_id=doctor.pk, at=NOW)
    return doctor


def test_lists_hold_doctors_of_the_callers_world_alone(world: World) -> None:
    listed = world.caller.get("/doctors").json()["items"]
    free = world.caller.get("/slots").json()["items"]

    assert [doctor["id"] for doctor in listed] == [str(world.own.pk)]
    assert {slot["doctor_id"] for slot in free} == {str(world.own.pk)}


def test_no_call_finds_a_doctor_of_the_other_world(world: World) -> None:
    client = Client(headers={"Authorization": f"Bearer {world.caller.key}"})
    about_a_doctor = [call for call in calls() if "doctor_id" in call[1]]
    assert len(about_a_doctor) >= 4

    for method, path, _ in about_a_doctor:
        own, other = (
            client.generic(method, re.sub(r"<\w+:doctor_id>", str(doctor.pk), path))
            for doctor in (world.own, world.other)
        )

        assert own.status_code != 404, path
        assert other.status_code == 404, path


def test_nothing_is_booked_or_held_in_the_other_world(world: World) -> None:
    later = "2026-11-24T09:15:00+05:30"
    for doctor, status in ((world.other, 404), (world.own, 201)):
        hold = world.caller.post("/holds", {"doctor_id": str(doctor.pk), "start": later})
        booking = world.caller.book(wanted(doctor), key=str(doctor.pk))

        assert (hold.status_code, booking.status_code) == (status, status)
