"""The cache of every process: Redis, and while Redis is down this process's own memory."""

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer


def _or_in_memory(name: str) -> Callable[..., Any]:
    def call(cache: "RedisOrMemoryCache", *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(RedisCache, name)(cache, *args, **kwargs)
        except (NoConnection, NoAnswer):
            return getattr(cache.memory, name)(*args, **kwargs)

    return call


class RedisOrMemoryCache(RedisCache):
    """Count and remember nearby when Redis does not answer.

    Rate limits then hold for each process by itself, which is weaker, and people still sign in.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.memory = LocMemCache("while-redis-is-down", params)

    add = _or_in_memory("add")
    get = _or_in_memory("get")
    set = _or_in_memory("set")
    touch = _or_in_memory("touch")
    delete = _or_in_memory("delete")
    get_many = _or_in_memory("get_many")
    has_key = _or_in_memory("has_key")
    incr = _or_in_memory("incr")
    set_many = _or_in_memory("set_many")
    delete_many = _or_in_memory("delete_many")
    clear = _or_in_memory("clear")
