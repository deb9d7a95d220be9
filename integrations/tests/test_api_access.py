"""What must hold for every endpoint, also for those that do not exist yet."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import URLResolver
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from consent.models import Consent, DataClass
from consent.tests.factories import make_withdrawn_consent
from integrations.api.permissions import MayCall, Needs
from integrations.api.views.account import UnknownPath
from integrations.api.views.base import InsurerView
from integrations.api.views.schema import Schema
from integrations.api.views.tokens import AccessTokens
from integrations.models import Scope
from integrations.tests.doctors import share
from integrations.tests.factories import make_api_key, make_delivery, make_endpoint
from integrations.tests.insurers import UNKNOWN_ID, essence, make_caller
from registry.tests.factories import make_doctor, make_location
from scheduling.tests.factories import make_appointment, make_window

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

# They show nothing that concerns anybody, or let in by other means.
OPEN = {AccessTokens, Schema, UnknownPath}
METHODS = ("get", "post", "put", "patch", "delete")
# What stands between a request and the method that answers it; no endpoint has one of its own.
GATES = (
    "check_permissions",
    "dispatch",
    "get_authenticators",
    "get_permissions",
    "initial",
    "initialize_request",
    "perform_authentication",
)


def _patterns(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, path)
        else:
            yield path, pattern


def _endpoints() -> list[tuple[str, Any]]:
    """Give path and class of everything under /api/ but the documentation's pages."""
    return [
        (path, getattr(pattern.callback, "view_class", None) or pattern.callback)
        for path, pattern in _patterns(get_resolver().url_patterns)
        if path.startswith("api/") and not path.startswith("api/docs/")
    ]


def calls() -> list[tuple[str, str, Needs]]:
    return [
        (method.upper(), f"/{path}", view.needs[method.upper()])
        for path, view in _endpoints()
        if view not in OPEN
        for method in METHODS
        if hasattr(view, method)
    ]


def gap_in(view: Any) -> str | None:
    """Name the way past the one permission that an endpoint leaves; none does."""
    if not isinstance(view, type) or not issubclass(view, InsurerView):
        return "it is no InsurerView"
    if view.permission_classes != [MayCall]:
        return "permission_classes"
    if view.authentication_classes != InsurerView.authentication_classes:
        return "authentication_classes"
    for gate in GATES:
        if getattr(view, gate) is not getattr(InsurerView, gate):
            return gate
    handled = {method.upper() for method in METHODS if hasattr(view, method)}
    return None if set(view.needs) == handled else "needs"


def test_every_endpoint_goes_through_the_one_permission() -> None:
    endpoints = _endpoints()
    assert len(endpoints) >= 12

    gaps = {path: gap for path, view in endpoints if view not in OPEN and (gap := gap_in(view))}

    assert gaps == {}
    assert {view for _, view in endpoints} >= OPEN


class Good(InsurerView):
    needs = {"GET": Needs(scope=Scope.DOCTORS_READ)}

    def get(self, request: object) -> None:
        raise AssertionError("reached")


class ForgetsNeeds(InsurerView):
    def get(self, request: object) -> None:
        raise AssertionError("reached")


class ForgetsOneMethod(Good):
    def post(self, request: object) -> None:
        raise AssertionError("reached")


class HasItsOwnRules(Good):
    permission_classes = [AllowAny]


class AsksNobody(Good):
    authentication_classes = []


class GoesAround(Good):
    def initial(self, *_: object, **__: object) -> None:
        raise AssertionError("reached")


@pytest.mark.parametrize(
    ("view", "gap"),
    [
        (Good, None),
        (ForgetsNeeds, "needs"),
        (ForgetsOneMethod, "needs"),
        (HasItsOwnRules, "permission_classes"),
        (AsksNobody, "authentication_classes"),
        (GoesAround, "initial"),
        (APIView, "it is no InsurerView"),
        (len, "it is no InsurerView"),
    ],
)
def test_an_endpoint_that_forgets_the_one_permission_is_found(view: Any, gap: str | None) -> None:
    assert gap_in(view) == gap


def test_every_scope_and_data_class_is_ours() -> None:
    for _, path, needs in calls():
        assert needs.scope is None or needs.scope in Scope, path
        assert needs.data_class is None or needs.data_class in DataClass, path
        assert needs.scope is not None or path == "/api/v1/me"


def test_a_view_that_says_nothing_is_closed() -> None:
    caller = make_caller()
    request = RequestFactory().get("/x", headers={"Authorization": f"Bearer {caller.key}"})
    response = ForgetsNeeds.as_view()(request)

    assert response.status_code == 405


def test_no_call_answers_without_a_key() -> None:
    for method, path, _ in calls():
        response = Client().generic(method, re.sub(r"<\w+:\w+>", UNKNOWN_ID, path))

        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated"), path


def test_no_call_answers_without_its_scope() -> None:
    for method, path, needs in calls():
        others = [scope for scope in Scope.values if scope != needs.scope]
        _, key = make_api_key(scopes=others)
        client = Client(headers={"Authorization": f"Bearer {key}"})

        response = client.generic(method, re.sub(r"<\w+:\w+>", UNKNOWN_ID, path))

        if needs.scope is not None:
            assert (response.status_code, response.json()["code"]) == (403, "scope_missing"), path


def filled_in(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"<\w+:(\w+)>", lambda found: ids[found[1]], path)


def test_no_call_tells_what_belongs_to_another_insurer_from_what_does_not_exist() -> None:
    caller, other = make_caller(), make_caller()
    doctor = share(other)
    place = make_location(doctor)
    make_window(doctor, place)
    appointment = make_appointment(doctor, other.provider, place)
    hold = make_appointment(doctor, other.provider, place, status="HELD", lane=1, capacity=2)
    delivery = make_delivery(endpoint=make_endpoint(insurance_provider=other.provider))
    theirs = {
        "doctor_id": str(doctor.pk),
        "appointment_id": str(appointment.pk),
        "hold_id": str(hold.pk),
        "endpoint_id": str(delivery.endpoint_id),
        "delivery_id": str(delivery.pk),
        "consent_id": str(Consent.objects.get(doctor=doctor).pk),
    }
    withdrawn = make_withdrawn_consent(insurance_provider=caller.provider)
    unseen = [
        theirs,
        # Of nobody, and of an insurer from whom the doctor has withdrawn.
        theirs | {"doctor_id": str(make_doctor().pk)},
        theirs | {"doctor_id": str(withdrawn.doctor_id)},
    ]
    with_ids = [call for call in calls() if "<" in call[1]]
    assert len(with_ids) >= 9

    for method, path, _ in with_ids:
        answers = []
        for ids in (*unseen, dict.fromkeys(theirs, UNKNOWN_ID), dict.fromkeys(theirs, "nonsense")):
            filled = filled_in(path, ids)
            client = Client(headers={"Authorization": f"Bearer {caller.key}"})
            response = client.generic(
                method, filled, b'{"reason": "other"}', content_type="application/json"
            )
            assert response.status_code == 404, path
            answers.append(essence(response))
        assert all(answer == answers[0] for answer in answers), path
    for row in (appointment, hold):
        before = row.status
        row.refresh_from_db()
        assert (row.status, row.version) == (before, 1)
    delivery.endpoint.refresh_from_db()
    assert (delivery.endpoint.status, delivery.endpoint.version) == ("ENABLED", 1)
