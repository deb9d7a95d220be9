"""One assertion shown many times at once, to processes as they run in earnest."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import requests
from allauth.idp.oidc.models import Token
from django.utils.timezone import now

from integrations.api.assertions import TYPE
from integrations.models import SpentAssertion
from integrations.tests.factories import make_api_client
from integrations.tests.signing import claims_of, key_set, make_key, sign
from integrations.tests.web import running_web

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 20


def test_of_many_at_once_one_gets_a_token() -> None:
    at = now()
    client, _ = make_api_client(
        jwks=key_set(make_key()), expires_at=at + timedelta(days=1), scopes=["slots:read"]
    )
    barrier = Barrier(MANY)

    with running_web() as base_url:
        url = f"{base_url}/api/v1/oauth/token"
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": sign(claims_of(client, at, aud=url)),
        }

        def show(_: int) -> tuple[int, str]:
            barrier.wait()
            answer = requests.post(url, data=form, timeout=30)
            return answer.status_code, answer.json().get("error_description", "")

        with ThreadPoolExecutor(MANY) as pool:
            answers = sorted(pool.map(show, range(MANY)))

    again = (401, "jti was used before. Sign a new one each time.")
    assert answers == [(200, "")] + [again] * (MANY - 1)
    assert (SpentAssertion.objects.count(), Token.objects.count()) == (1, 1)
