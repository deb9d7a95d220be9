import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.test import Client
from redis.exceptions import ConnectionError as NoConnection

from docport.cache import RedisOrMemoryCache

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def test_without_redis_a_process_remembers_by_itself() -> None:
    cache = RedisOrMemoryCache(NOBODY_LISTENS, {})
    cache.clear()

    cache.set("tries", 1)
    cache.incr("tries")

    assert cache.get("tries") == 2
    assert not cache.add("tries", 5)
    assert cache.get_many(["tries", "other"]) == {"tries": 2}
    cache.delete("tries")
    assert not cache.has_key("tries")


def test_with_redis_what_one_process_notes_the_others_read() -> None:
    noting, reading = (RedisOrMemoryCache(settings.REDIS_URL, {}) for _ in range(2))

    noting.set("docport-test-noted", "yes", timeout=5)

    assert reading.get("docport-test-noted") == "yes"
    assert reading.memory.get("docport-test-noted") is None


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/password/reset/"])
def test_people_still_sign_in_while_redis_is_down(
    client: Client, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise NoConnection

    assert isinstance(caches["default"], RedisOrMemoryCache)
    for name in ("add", "get", "set"):
        monkeypatch.setattr(RedisCache, name, unreachable)

    answer = client.post(address, {"login": "a@example.org", "password": "x", "email": "no"})

    assert answer.status_code == 422
