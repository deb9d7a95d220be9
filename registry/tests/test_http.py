import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from registry import actions
from registry.adapters import AccountAdapter
from registry.http import SignedInRequest, client_ip, doctor_of, request_id
from registry.models import AuditLog, User
from registry.tests.factories import (
    NOW,
    make_admin,
    make_doctor,
    make_draft_doctor,
    make_provider,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)
CONTACT = reverse("registry:profile_edit", args=["contact"])


def request_of(user: User) -> SignedInRequest:
    request: SignedInRequest = RequestFactory().get("/")  # type: ignore[assignment]  # The user follows.
    request.user = user
    return request


def test_an_offered_request_id_comes_back_and_stands_in_the_audit_log(client: Client) -> None:
    client.force_login(make_user(doctor=make_draft_doctor()))

    response = client.post(
        CONTACT, {"phone": "9845012345"}, headers={"X-Request-ID": "load-balancer.1"}
    )

    assert response["X-Request-ID"] == "load-balancer.1"
    log = AuditLog.objects.get()
    assert (log.request_id, log.ip) == ("load-balancer.1", "127.0.0.1")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "203.0.113.7", "127.0.0.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7 ,10.0.0.2", "203.0.113.7"),
        (2, "203.0.113.7", "127.0.0.1"),
        (1, "2001:DB8::7", "2001:db8::7"),
        (1, "fe80::1%eth0", "127.0.0.1"),
        (1, "unknown", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, None, "127.0.0.1"),
    ],
)
def test_the_audit_log_has_the_address_that_our_own_proxy_saw(
    client: Client, settings: Settings, proxies: int, forwarded: str | None, seen: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    client.force_login(make_user(doctor=make_draft_doctor()))
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    client.post(CONTACT, {"phone": "9845012345"}, headers=headers)

    assert AuditLog.objects.get().ip == seen


def test_a_request_through_a_socket_has_no_address() -> None:
    assert client_ip(RequestFactory().get("/", REMOTE_ADDR="")) is None


def test_limits_count_each_visitor_behind_the_proxy(client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "10.9.9.9, 203.0.113.7"})

    assert AccountAdapter(request).get_client_ip(request) == "203.0.113.7"


def test_without_any_address_limits_cannot_count() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="")

    with pytest.raises(PermissionDenied):
        AccountAdapter(request).get_client_ip(request)


@pytest.mark.parametrize("offered", ["short", "x" * 65, "with space", "line\nbreak", "ünïcode!"])
def test_a_strange_request_id_is_replaced(client: Client, offered: str) -> None:
    response = client.get("/", headers={"X-Request-ID": offered})

    assert response["X-Request-ID"] != offered
    assert len(response["X-Request-ID"]) == 32
    assert request_id() == response["X-Request-ID"]


def test_a_doctor_works_for_their_own_record() -> None:
    doctor = make_doctor()

    assert doctor_of(request_of(make_user(doctor=doctor))) == doctor


@pytest.mark.parametrize("permission", [None, "manage_appointments"])
def test_a_receptionist_without_the_right_finds_nothing(permission: str | None) -> None:
    receptionist = actions.delegate(
        doctor=make_doctor(),
        email="desk@example.org",
        permissions=["manage_schedule"],
        by=make_admin(),
        at=NOW,
    )

    with pytest.raises(Http404):
        doctor_of(request_of(receptionist), permission)


def test_a_receptionist_with_the_right_works_for_the_doctor() -> None:
    doctor = make_doctor()
    receptionist = actions.delegate(
        doctor=doctor,
        email="desk@example.org",
        permissions=["manage_schedule"],
        by=make_admin(),
        at=NOW,
    )

    assert doctor_of(request_of(receptionist), "manage_schedule") == doctor


def test_people_without_a_doctor_work_for_none() -> None:
    insurer = make_user(role="INSURER", insurance_provider=make_provider())

    for person in (make_admin(), insurer):
        with pytest.raises(Http404):
            doctor_of(request_of(person), "manage_schedule")
