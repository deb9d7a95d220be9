import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import versions
from integrations.api.fields import ExactString
from integrations.api.permissions import Needs
from integrations.api.serializers import Exact, query_of
from integrations.api.versions import Deprecation
from integrations.api.views.base import InsurerView
from integrations.models import ApiKey
from integrations.tests.insurers import Caller, make_caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine")]

CHANGELOG = Path(__file__).resolve().parents[2] / "docs" / "api-changelog.md"
PAGE = "/api/docs/guides/api-changelog/"
NEXT = "2027-02-01"
OLD_CALL = Deprecation(
    since=datetime(2027, 2, 1, tzinfo=UTC),
    gone_at=datetime(2027, 9, 1, tzinfo=UTC),
    told_at=f"{PAGE}#old-call",
)
OLD_PARAMETER = Deprecation(
    since=datetime(2027, 3, 1, tzinfo=UTC),
    gone_at=datetime(2027, 8, 1, tzinfo=UTC),
    told_at=f"{PAGE}#old-parameter",
)
OLD_FIELD = Deprecation(
    since=datetime(2027, 4, 1, tzinfo=UTC),
    gone_at=datetime(2027, 10, 1, tzinfo=UTC),
    told_at=f"{PAGE}#old-field",
)


class TownQuery(Exact):
    town = ExactString(required=False)
    city = ExactString(required=False)


class TownIn(Exact):
    town = ExactString(required=False)


class Towns(InsurerView):
    """An endpoint whose reading is on its way out, with a parameter and a field that are too."""

    schema = None
    needs = {"GET": Needs(scope=None), "POST": Needs(scope=None)}
    deprecated = {"GET": OLD_CALL}

    def get(self, request: Request) -> Response:
        query = query_of(TownQuery, request.query_params)
        self.announce(*versions.used(query, {"town": OLD_PARAMETER}))
        return Response({"version": self.version})

    def post(self, request: Request) -> Response:
        wanted = TownIn.read(request.data)
        self.announce(*versions.used(wanted, {"town": OLD_FIELD}))
        return Response({}, status=201)


@pytest.fixture
def _two_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "KNOWN", (versions.NEWEST, NEXT))


@pytest.fixture
def caller() -> Caller:
    return make_caller()


def call(
    caller: Caller, method: str, path: str = "/towns", body: Any = None, **headers: str
) -> Any:
    request = RequestFactory(headers={"Authorization": f"Bearer {caller.key}"} | headers).generic(
        method, path, body or b"", content_type="application/json"
    )
    return Towns.as_view()(request)


def test_every_answer_says_which_version_it_follows(caller: Caller) -> None:
    for answer in (caller.get("/me"), caller.get("/nothing"), Client().get("/api/v1/me")):
        assert answer["DocPort-Version"] == versions.NEWEST


@pytest.mark.usefixtures("_two_versions")
def test_a_key_is_answered_by_the_version_it_is_pinned_to(caller: Caller) -> None:
    pinned = make_caller(api_version=NEXT)

    assert caller.get("/me")["DocPort-Version"] == versions.NEWEST
    assert pinned.get("/me")["DocPort-Version"] == NEXT
    assert call(pinned, "GET").data == {"version": NEXT}


@pytest.mark.usefixtures("_two_versions")
def test_a_call_may_ask_for_another_version(caller: Caller) -> None:
    answer = caller.get("/me", None, **{"DocPort-Version": NEXT})

    assert (answer.status_code, answer["DocPort-Version"]) == (200, NEXT)
    assert call(caller, "GET", **{"DocPort-Version": f" {NEXT} "}).data == {"version": NEXT}


@pytest.mark.usefixtures("_two_versions")
@pytest.mark.parametrize("unknown", ["2026-10-31", "1", "", "latest", "2026-11-01, 2027-02-01"])
def test_an_unknown_version_is_refused_with_those_that_are_known(
    caller: Caller, unknown: str
) -> None:
    answer = caller.get("/me", None, **{"DocPort-Version": unknown})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_version")
    assert f"{versions.NEWEST}, {NEXT}" in answer.json()["detail"]


def test_an_unknown_version_changes_nothing_for_who_shows_no_key() -> None:
    answer = Client().get("/api/v1/me", headers={"DocPort-Version": versions.NEWEST})

    assert (answer.status_code, answer["DocPort-Version"]) == (401, versions.NEWEST)


def test_the_changelog_tells_each_version_and_its_changes() -> None:
    told = CHANGELOG.read_text()

    headings = re.findall(r"^### (\d{4}-\d\d-\d\d)$", told, re.MULTILINE)
    assert headings == sorted(versions.KNOWN, reverse=True)
    for version in versions.VERSIONS:
        section = told.partition(f"### {version.name}\n")[2].partition("\n### ")[0]
        assert all(change in section for change in version.changes)


def test_the_newest_version_is_the_last_and_is_what_new_keys_are_pinned_to(caller: Caller) -> None:
    dates = [date.fromisoformat(name) for name in versions.KNOWN]

    assert dates == sorted(set(dates))
    assert versions.KNOWN[-1] == versions.NEWEST
    assert ApiKey.objects.get().api_version == versions.NEWEST


def test_a_call_that_is_on_its_way_out_says_so(caller: Caller) -> None:
    answer = call(caller, "GET")

    assert answer["Deprecation"] == f"@{int(OLD_CALL.since.timestamp())}"
    assert answer["Sunset"] == "Wed, 01 Sep 2027 00:00:00 GMT"
    assert answer["Link"] == (
        f'<http://127.0.0.1:8000{PAGE}#old-call>; rel="deprecation"; type="text/html"'
    )
    assert call(caller, "HEAD")["Deprecation"] == answer["Deprecation"]


def test_its_refusals_say_so_too(caller: Caller) -> None:
    answer = call(caller, "GET", "/towns?unknown=1")

    assert (answer.status_code, answer["Sunset"]) == (400, "Wed, 01 Sep 2027 00:00:00 GMT")


def test_a_parameter_that_is_on_its_way_out_says_so_when_it_is_used(caller: Caller) -> None:
    answer = call(caller, "GET", "/towns?town=Pune")

    assert answer["Deprecation"] == f"@{int(OLD_CALL.since.timestamp())}"
    assert answer["Sunset"] == "Sun, 01 Aug 2027 00:00:00 GMT"
    assert [link.partition(">")[0] for link in answer["Link"].split(", ")] == [
        f"<http://127.0.0.1:8000{PAGE}#old-call",
        f"<http://127.0.0.1:8000{PAGE}#old-parameter",
    ]
    assert call(caller, "GET", "/towns?city=Pune")["Sunset"] == "Wed, 01 Sep 2027 00:00:00 GMT"


def test_a_field_that_is_on_its_way_out_says_so_when_it_is_used(caller: Caller) -> None:
    with_it, without = (
        call(caller, "POST", body=b'{"town": "Pune"}'),
        call(caller, "POST", body=b"{}"),
    )

    assert with_it["Deprecation"] == f"@{int(OLD_FIELD.since.timestamp())}"
    assert with_it["Sunset"] == "Fri, 01 Oct 2027 00:00:00 GMT"
    assert "old-field" in with_it["Link"]
    for name in ("Deprecation", "Sunset", "Link"):
        assert name not in without


def test_nothing_ends_before_it_was_announced() -> None:
    with pytest.raises(AssertionError, match="before"):
        Deprecation(since=OLD_CALL.gone_at, gone_at=OLD_CALL.since, told_at="/")
