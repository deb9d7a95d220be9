import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.template import loader
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.defaults import bad_request, permission_denied

from docport import views
from registry.tests.factories import make_user


@pytest.mark.django_db
def test_missing_page_says_the_way_out(client: Client) -> None:
    client.force_login(make_user())

    response = client.get("/nothing-here/")

    page = response.content.decode()
    assert response.status_code == 404
    assert "We could not find that page" in page
    assert f'href="{reverse("docport:home")}"' in page


@pytest.mark.django_db
def test_form_that_was_open_too_long_says_how_to_go_on() -> None:
    response = Client(enforce_csrf_checks=True).post(reverse("account_login"), {"login": "x"})

    page = response.content.decode()
    assert response.status_code == 403
    assert "Nothing was saved" in page
    assert "sign in again" in page


@pytest.mark.django_db
def test_our_own_fault_shows_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_template: str) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(views, "render", break_down)

    response = Client(raise_request_exception=False).get("/")

    page = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong on our side" in page
    assert "secret of the house" not in page


@pytest.mark.parametrize("template", ["400.html", "500.html"])
def test_pages_for_faults_need_no_request_and_no_database(template: str) -> None:
    page = loader.get_template(template).render()

    assert page.count("<h1") == 1
    assert "DocPort" in page


def test_bad_request_and_refusal_have_their_pages(rf: RequestFactory) -> None:
    request = rf.get("/")

    unreadable = bad_request(request, SuspiciousOperation())
    refused = permission_denied(request, PermissionDenied())

    assert b"We could not read that request" in unreadable.content
    assert b"You may not do that" in refused.content
