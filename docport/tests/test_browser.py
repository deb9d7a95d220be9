import pytest
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from docport.tests.browser import faults_shown, new_page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_faults_are_found(live_server: LiveServer) -> None:
    with new_page() as page:
        page.goto(f"{live_server.url}{reverse('account_login')}")
        page.evaluate("""() => {
            const image = document.createElement("img");
            image.src = "/static/img/icon.svg";
            image.width = 2000;
            image.style.maxWidth = "none";
            document.querySelector("main").append(image);
        }""")
        found = " ".join(faults_shown(page))

    assert "image-alt" in found
    assert "scrolls sideways" in found
