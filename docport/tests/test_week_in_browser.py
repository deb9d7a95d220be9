import pytest
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from docport.tests.browser import new_page, sign_in
from registry.tests.factories import make_doctor, make_location, make_user
from scheduling.tests.factories import make_window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_arrow_keys_move_in_the_week_and_one_cell_is_a_tab_stop(live_server: LiveServer) -> None:
    place = make_location(make_doctor())
    for weekday in range(7):
        make_window(place.doctor, place, day_of_week=weekday)
    user = make_user(doctor=place.doctor)

    with new_page() as page:
        sign_in(page, live_server, user)
        page.goto(f"{live_server.url}{reverse('scheduling:week')}")
        page.get_by_role("link", name="Next week").click()
        first = page.locator("[data-grid] td a").first
        first.focus()
        names = [first.get_attribute("aria-label")]
        for key in ("ArrowDown", "ArrowRight", "End", "Home", "ArrowUp"):
            page.keyboard.press(key)
            names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        stops = page.locator('[data-grid] td a[tabindex="0"]').count()

    assert names[0] == names[5]
    assert names[1] == names[4]
    assert len(set(names)) == 4
    assert stops == 1
