"""The documentation's pages."""

import re
from html import unescape

import pytest
from django.test import Client

from integrations.api.guides import guides
from integrations.api.problems import CODES
from integrations.api.reference import Reference
from integrations.api.shapes import EVENT_TYPES
from integrations.api.views.schema import description
from integrations.models import Scope

pytestmark = pytest.mark.django_db


def page_at(path: str) -> str:
    response = Client().get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_strangers_read_the_reference_and_it_is_whole() -> None:
    page = page_at("/api/docs/")

    for code in CODES:
        assert f'<div id="{code}">' in page
    for call in Reference(description()).operations:
        assert f'id="{call.anchor}"' in page
        assert call.path in page
        for _, code in call.samples:
            assert code in unescape(page)
    for name in [*Scope.values, *(kind for kind, _ in EVENT_TYPES)]:
        assert f"<code>{name}</code>" in page
    assert "<script>" not in page
    assert "style=" not in page


@pytest.mark.parametrize("path", ["/api/docs/", *(f"/api/docs/guides/{s}/" for s in guides())])
def test_links_within_the_documentation_lead_somewhere(path: str) -> None:
    page = page_at(path)
    ids = re.findall(r' id="([^"]+)"', page)

    assert len(ids) == len(set(ids))
    links = [unescape(one) for one in re.findall(r'<a [^>]*href="([^"]+)"', page)]
    for address, _, anchor in (link.partition("#") for link in links):
        there = re.sub("^http://127.0.0.1:[0-9]+", "", address) or path
        if there.startswith("/api/docs/") and not there.startswith("/api/docs/try/"):
            target = page_at(there)
            assert not anchor or f' id="{anchor}"' in target, f"{path}: {there}#{anchor}"


def test_the_reference_says_what_every_call_may_answer_once() -> None:
    made = Reference(description())

    assert "not_authenticated" in made.codes_of_every_call
    assert [one.name for one in made.headers_of_every_answer][:1] == ["X-Request-ID"]
    for call in made.operations:
        told = {code for reply in call.refusals for code in reply.codes}
        assert not told & set(made.codes_of_every_call)
        assert call.answers


def test_fields_carry_their_bounds_and_meanings() -> None:
    calls = {call.anchor: call for call in Reference(description()).operations}
    parameters = {field.name: field for field in calls["doctors_list"].parameters}
    body = {field.name: field for field in calls["appointments_book"].body}
    answer = {field.name: field for field in calls["doctors_read"].answers[0].fields}

    assert "Default: 50. From 1 to 100." in parameters["limit"].text
    assert ("hi", "Hindi") in parameters["language"].values
    assert "At most 120 characters." in body["external_appointment_id"].text
    assert body["mode"].kind == "code or null"
    assert ("TELE", "By video or phone") in body["mode"].values
    assert answer["fee.amount"].kind == "string"
    assert answer["locations[].timezone"].text == "IANA zone, such as Asia/Kolkata."


def test_calls_are_tried_out_under_strict_rules_for_scripts_and_styles() -> None:
    response = Client().get("/api/docs/try/")

    assert response.status_code == 200
    rules = response["Content-Security-Policy"]
    assert "script-src 'self';" in rules + ";"
    assert "style-src 'self';" in rules + ";"
    page = response.content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page)
    assert "data:" not in Client().get("/api/docs/")["Content-Security-Policy"]


@pytest.mark.parametrize("slug", guides())
def test_a_guide_is_a_page(slug: str) -> None:
    page = page_at(f"/api/docs/guides/{slug}/")

    assert f"<h1>{guides()[slug].title}</h1>" in unescape(page)
    assert "docport.example" not in page
    assert "<script>" not in page


def test_there_is_no_other_guide() -> None:
    assert Client().get("/api/docs/guides/nothing/").status_code == 404


@pytest.mark.parametrize("path", ["/api/docs/", "/api/docs/try/", "/api/docs/guides/webhooks/"])
def test_the_documentation_is_only_read(path: str) -> None:
    assert Client().post(path).status_code == 405
