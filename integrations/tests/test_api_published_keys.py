"""Keys that a client publishes at an address of its insurer's."""

from typing import Any

import pytest
from django.core.cache import cache
from pytest_django import Settings

from integrations.models import ApiClient
from integrations.tests.factories import make_api_client
from integrations.tests.partner import Partner, Reply
from integrations.tests.signing import claims_of, make_key, published, sign
from integrations.tests.test_api_assertions import refused, show

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_at_nine", "_loopback")]


def publish(partner: Partner, body: str, status: int = 200) -> None:
    partner.answer = lambda _: Reply(status=status, body=body.encode())


@pytest.fixture
def client_(partner: Partner) -> ApiClient:
    publish(partner, published(make_key()))
    return make_api_client(jwks_url=f"{partner.url}/keys")[0]


def test_published_keys_are_read_by_the_guarded_client_and_kept_a_while(
    partner: Partner, client_: ApiClient
) -> None:
    answers = [show(sign(claims_of(client_))).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    (asked,) = partner.heard
    assert (asked.method, asked.path) == ("GET", "/keys")
    assert asked.headers["user-agent"].startswith("DocPort")


def test_a_new_key_is_known_once_the_old_answer_is_out_of_date(
    partner: Partner, client_: ApiClient
) -> None:
    new = make_key("OKP", "new")
    show(sign(claims_of(client_)))
    publish(partner, published(make_key(), new))
    assert refused(show(sign(claims_of(client_), new)))

    cache.clear()

    assert show(sign(claims_of(client_), new)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 500), ("", 404), ("moved", 302), ("nonsense", 200), ('{"keys": []}', 200)],
)
def test_an_address_without_keys_is_told_as_nothing_else(
    partner: Partner, client_: ApiClient, body: str, status: int
) -> None:
    publish(partner, body, status)

    answers = [show(sign(claims_of(client_))) for _ in range(3)]

    assert all(refused(answer) for answer in answers)
    assert len(partner.heard) == 1


def test_an_address_that_nobody_answers_is_told_as_nothing_else() -> None:
    client, _ = make_api_client(jwks_url="http://127.0.0.1:9/keys")

    assert refused(show(sign(claims_of(client))))


def test_an_address_inside_our_network_is_never_asked(
    settings: Settings, partner: Partner, client_: ApiClient
) -> None:
    settings.LOOPBACK_TARGETS = False

    assert refused(show(sign(claims_of(client_))))
    assert not partner.heard


def test_a_client_that_is_unknown_makes_nobody_ask(partner: Partner, client_: ApiClient) -> None:
    claims: dict[str, Any] = claims_of(client_, iss="00000000-0000-4000-8000-000000000000")

    assert refused(show(sign(claims)))
    assert not partner.heard
