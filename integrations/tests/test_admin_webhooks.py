from typing import Any

import pytest
from django.test import Client

from integrations.actions import deliveries
from integrations.actions.endpoints import MOST_ENDPOINTS
from integrations.models import CHALLENGE, PING, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import PRIVATE_KEY, PUBLIC_KEY, make_delivery, make_endpoint
from registry.models import AuditLog, User
from registry.tests.factories import NOW, make_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_loopback")]

LIST = "/admin/integrations/webhookendpoint/"
Status = WebhookEndpoint.Status


def act(browser: Client, action: str, *chosen: WebhookEndpoint) -> list[str]:
    """Do something to the chosen; give what the admin is told."""
    posted = {"action": action, "_selected_action": [str(one.pk) for one in chosen]}
    answer: Any = browser.post(LIST, posted, follow=True)
    return [str(message) for message in answer.context["messages"]]


def status_of(endpoint: WebhookEndpoint) -> str:
    endpoint.refresh_from_db()
    return str(endpoint.status)


def test_the_list_shows_how_an_endpoint_stands(browser: Client) -> None:
    make_endpoint(status=Status.PENDING, verified_at=None)

    shown = browser.get(LIST).content.decode()

    assert "Waiting for the answer to its challenge" in shown
    for column in ("verified_at", "failing_since", "waiting", "parked"):
        assert f"column-{column}" in shown


def test_the_private_key_is_shown_nowhere_and_the_public_one_is(browser: Client) -> None:
    shown = browser.get(f"{LIST}{make_endpoint().pk}/change/").content.decode()

    assert PUBLIC_KEY in shown
    assert PRIVATE_KEY not in shown


def test_endpoints_are_disabled_and_deleted_ones_left_alone(
    browser: Client, admin_user: User
) -> None:
    endpoint = make_endpoint()
    deleted = make_endpoint(status=Status.DELETED, deleted_at=NOW)

    told = act(browser, "disable_chosen", endpoint, deleted)

    assert told == [
        f"{deleted}: The endpoint was deleted.",
        "1 disabled. Events wait until they are enabled.",
    ]
    assert (status_of(endpoint), endpoint.disabled_reason) == (
        Status.DISABLED,
        "Disabled by an admin.",
    )
    assert status_of(deleted) == Status.DELETED
    assert AuditLog.objects.get().performed_by == admin_user


def test_endpoints_are_tested(browser: Client) -> None:
    enabled = make_endpoint()
    pending = make_endpoint(status=Status.PENDING, verified_at=None)
    disabled = make_endpoint(status=Status.DISABLED, disabled_at=NOW)

    told = act(browser, "test_chosen", enabled, pending, disabled)

    assert told == [
        f"{disabled}: The endpoint is disabled. Enable it first.",
        "2 sent. The deliveries say what came of them.",
    ]
    sent = {delivery.endpoint: delivery.event_type for delivery in WebhookDelivery.objects.all()}
    assert sent == {enabled: PING, pending: CHALLENGE}


def test_all_that_is_parked_is_sent_again(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "RESENT_AT_ONCE", 2)
    first, second = make_endpoint(), make_endpoint()
    deleted = make_endpoint(status=Status.DELETED, deleted_at=NOW)
    for endpoint in (first, first, first, second, deleted):
        make_delivery(endpoint=endpoint, status="PARKED")
    delivered = make_delivery(endpoint=first, status="DELIVERED", delivered_at=NOW)

    told = act(browser, "send_parked_again", first, second, deleted)

    assert told == ["4 will be sent again within seconds."]
    waiting = WebhookDelivery.objects.filter(status="PENDING")
    assert set(waiting.values_list("endpoint", flat=True)) == {first.pk, second.pk}
    assert status_of(deleted) == Status.DELETED
    assert not waiting.contains(delivered)


def test_an_insurer_with_enough_endpoints_gets_no_more(browser: Client) -> None:
    provider = make_provider()
    for _ in range(MOST_ENDPOINTS):
        make_endpoint(insurance_provider=provider)
    posted = {"provider": provider.pk, "url": "http://127.0.0.1:9/hooks"}

    answer = browser.post(f"{LIST}add/", posted)

    assert answer.status_code == 422
    assert "Delete one first." in answer.content.decode()
    assert 'value="http://127.0.0.1:9/hooks"' in answer.content.decode()
    assert WebhookEndpoint.objects.count() == MOST_ENDPOINTS


def test_what_can_be_sent_again_is_told_without_the_rest(browser: Client) -> None:
    delivery = make_delivery(status="PARKED")
    posted = {"action": "send_again", "_selected_action": [str(delivery.pk)]}

    answer: Any = browser.post("/admin/integrations/webhookdelivery/", posted, follow=True)

    told = [str(message) for message in answer.context["messages"]]
    assert told == ["1 will be sent again within seconds."]
