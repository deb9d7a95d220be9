"""What several do to one endpoint at once; a deadlock would be an error here."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from integrations.actions import deliveries, endpoints, webhooks
from integrations.actions.deliveries import Range
from integrations.actions.endpoints import MOST_ENDPOINTS, Target
from integrations.models import CHALLENGE, WebhookDelivery, WebhookEndpoint
from integrations.tests.factories import make_delivery, make_endpoint
from registry.tests.factories import NOW, make_admin, make_provider
from registry.tests.races import at_once, outcomes

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 12
DAY = timedelta(days=1)
Status = WebhookEndpoint.Status


def answered(job: webhooks.Job, status: int, error: str = "") -> Callable[[], None]:
    return lambda: webhooks.mark(outcomes=[webhooks.Outcome(job, NOW, NOW, status, error)])


def test_ten_endpoints_are_the_most_however_many_are_added_at_once() -> None:
    provider = make_provider()
    for _ in range(MOST_ENDPOINTS - 2):
        make_endpoint(insurance_provider=provider)

    def add() -> None:
        endpoints.add(
            provider=provider,
            target=Target("https://insurer.example/"),
            event_types=[],
            by=provider,
            at=NOW,
        )

    done = sorted(outcomes(at_once(*[add] * 6)))

    assert done == ["TooManyEndpoints"] * 4 + ["done"] * 2
    assert WebhookEndpoint.objects.count() == MOST_ENDPOINTS


def test_an_answer_and_a_move_at_once_never_verify_the_new_address() -> None:
    admin = make_admin()
    for number in range(ROUNDS):
        endpoint = make_endpoint(status=Status.PENDING, verified_at=None)
        make_delivery(endpoint=endpoint, event_type=CHALLENGE, subject=endpoint.subject)
        (asked,) = webhooks.lease(room=5, at=NOW)
        target = Target(f"https://insurer.example/{number}")

        at_once(
            answered(asked, 200),
            lambda e=endpoint, t=target: endpoints.change(endpoint=e, target=t, by=admin, at=NOW),  # type: ignore[misc]  # The values of this round.
        )

        endpoint.refresh_from_db()
        assert (endpoint.url, endpoint.status) == (target.url, Status.PENDING)
        waiting = WebhookDelivery.objects.filter(endpoint=endpoint, status="PENDING")
        assert waiting.filter(event_type=CHALLENGE).exists()
        waiting.update(next_attempt_at=NOW + DAY)


def test_a_410_a_change_a_test_and_a_range_at_once_do_not_lock_each_other_out() -> None:
    admin = make_admin()
    for _ in range(ROUNDS):
        endpoint = make_endpoint()
        for _ in range(4):
            make_delivery(endpoint=endpoint)
        jobs = webhooks.lease(room=5, at=NOW)

        def touch(endpoint: WebhookEndpoint = endpoint) -> None:
            endpoints.change(endpoint=endpoint, is_enabled=True, by=admin, at=NOW)

        def resend(endpoint: WebhookEndpoint = endpoint) -> None:
            wanted = Range(after=0)
            deliveries.resend_range(endpoint=endpoint, wanted=wanted, by=admin, at=NOW)

        at_once(*[answered(job, 410, "http_410") for job in jobs], touch, resend, touch)

        endpoint.refresh_from_db()
        assert endpoint.status in {Status.ENABLED, Status.DISABLED}
        WebhookDelivery.objects.filter(endpoint=endpoint).update(next_attempt_at=NOW + DAY)
