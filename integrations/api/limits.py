"""How often a caller may call.

Redis counts for all processes together. While it does not answer, each process counts its share
of the quota by itself, so that calls are still limited and still answered.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits import RateLimitItemPerSecond as PerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from integrations.api.callers import Caller
from registry.http import client_ip
from registry.models import InsuranceProvider

if TYPE_CHECKING:
    # It reads the settings, which name this module, before it is there.
    from rest_framework.views import APIView

# A call must not wait for a Redis that is gone: one in a while asks whether it is back. One that is
# there but busy is waited for, since without it limits are no longer exact.
REDIS_IS_REACHED_WITHIN_SECONDS = 0.25
REDIS_ANSWERS_WITHIN_SECONDS = 1
REDIS_IS_ASKED_AGAIN_AFTER_SECONDS = 5

# `limits` asks Redis twice for each window, and charges one window for what another refuses. This
# asks once, and takes a place in every window or in none. A window is the list of its calls, the
# newest first, each as the microsecond it came at by the clock of Redis.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answer = {1}
for window, calls in ipairs(KEYS) do
    local quota, period = tonumber(ARGV[2 * window - 1]), ARGV[2 * window] * 1000000
    local oldest = redis.call('LINDEX', calls, -1)
    while oldest and oldest + period <= now do
        redis.call('RPOP', calls)
        oldest = redis.call('LINDEX', calls, -1)
    end
    if redis.call('LLEN', calls) >= quota then
        answer[1] = 0
    end
end
for window, calls in ipairs(KEYS) do
    if answer[1] == 1 then
        redis.call('LPUSH', calls, string.format('%.0f', now))
        redis.call('EXPIRE', calls, ARGV[2 * window])
    end
    local oldest = redis.call('LINDEX', calls, -1) or now
    answer[2 * window] = redis.call('LLEN', calls)
    answer[2 * window + 1] = oldest + ARGV[2 * window] * 1000000 - now
end
return answer
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Standing:
    """How many more calls a policy allows at once, and when it allows one more than that."""

    policy: RateLimitItem
    left: int
    more_in_seconds: int


@dataclass(frozen=True)
class Verdict:
    """Whether a call may pass, and where its caller stands then."""

    passes: bool
    standings: tuple[Standing, ...]

    @property
    def headers(self) -> dict[str, str]:
        """Give the fields of draft-ietf-httpapi-ratelimit-headers.

        A refusal shows only what refused, so that Retry-After is never earlier than a `t`.
        """
        shown = self.standings if self.passes else self._exhausted
        return {
            "RateLimit-Policy": ", ".join(
                f'"{one.policy.namespace}";q={one.policy.amount};w={one.policy.get_expiry()}'
                for one in self.standings
            ),
            "RateLimit": ", ".join(
                f'"{one.policy.namespace}";r={one.left};t={one.more_in_seconds}' for one in shown
            ),
        }

    @property
    def retry_after_seconds(self) -> int:
        """Tell a refused caller how long to wait."""
        return max(one.more_in_seconds for one in self._exhausted)

    @property
    def _exhausted(self) -> tuple[Standing, ...]:
        exhausted = tuple(one for one in self.standings if not one.left)
        # Time passes between a refusal and what is read of it.
        return exhausted or self.standings


class InRedis:
    """Count for all processes: exact, by one clock, in one round trip."""

    def __init__(self) -> None:
        self._storage = RedisStorage(
            settings.REDIS_URL,
            key_prefix=f"{settings.CACHES['default']['KEY_PREFIX']}:calls",
            socket_timeout=REDIS_ANSWERS_WITHIN_SECONDS,
            socket_connect_timeout=REDIS_IS_REACHED_WITHIN_SECONDS,
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # It is passed on to Redis.
        )
        self._take = self._storage.get_connection().register_script(_TAKE.encode())

    def take(self, who: str, policies: Sequence[RateLimitItem]) -> Verdict:
        """Take a place of every policy, or of none.

        Raises:
            RedisError: nobody knows whether it was taken.
        """
        keys = [self._storage.prefixed_key(policy.key_for(who)) for policy in policies]
        quotas = [part for policy in policies for part in (policy.amount, policy.get_expiry())]
        passes, *counted = self._take(keys=keys, args=quotas)
        return Verdict(
            bool(passes),
            tuple(
                Standing(policy, max(0, policy.amount - used), _seconds(microseconds / 1_000_000))
                for policy, used, microseconds in zip(
                    policies, counted[::2], counted[1::2], strict=True
                )
            ),
        )


class InMemory:
    """Count in this process alone, of each quota its share."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, who: str, policies: Sequence[RateLimitItem]) -> Verdict:
        """Take a place of every policy; after one refuses, of none that follows."""
        shares = [_share_of(policy) for policy in policies]
        passes = all(self._limiter.hit(share, who) for share in shares)
        standings = []
        for policy, share in zip(policies, shares, strict=True):
            reset_at, left = self._limiter.get_window_stats(share, who)
            standings.append(Standing(policy, max(0, left), _seconds(reset_at - time.time())))
        return Verdict(passes, tuple(standings))


class Counter:
    """Count in Redis, and while it does not answer in memory."""

    def __init__(self) -> None:
        self._in_redis = InRedis()
        self._in_memory: InMemory | None = None
        self._asks_again_at = 0.0

    def take(self, who: str, policies: Sequence[RateLimitItem]) -> Verdict:
        """Take a place of every policy for `who`."""
        if self._may_ask():
            try:
                verdict = self._in_redis.take(who, policies)
            except RedisError as error:
                self._asks_again_at = time.monotonic() + REDIS_IS_ASKED_AGAIN_AFTER_SECONDS
                log.warning("limits_without_redis", error=type(error).__name__)
            else:
                self._asks_again_at = 0.0
                return verdict
        if self._in_memory is None:
            self._in_memory = InMemory()
        return self._in_memory.take(who, policies)

    def _may_ask(self) -> bool:
        if not self._asks_again_at:
            return True
        at = time.monotonic()
        if at < self._asks_again_at:
            return False
        # One asks; the others go on without until it knows.
        self._asks_again_at = at + REDIS_IS_ASKED_AGAIN_AFTER_SECONDS
        return True


counter = cache(Counter)


class CallLimit(BaseThrottle):
    """Limit each caller, and whoever shows no good key by address.

    An address that is refused can still call with a good key: one client with a wrong key must not
    lock out whoever shares its proxy, and no rate makes 178 random bits guessable.
    """

    _verdict: Verdict

    def allow_request(self, request: Request, view: "APIView") -> bool:
        caller = request.user
        if isinstance(caller, Caller):
            self._verdict = counter().take(str(caller.id), policies_of(caller.provider))
        else:
            self._verdict = counter().take(address_of(client_ip(request)), [_of_addresses()])
        # Whatever becomes of the call, its answer carries them.
        view.headers |= self._verdict.headers
        return self._verdict.passes

    def wait(self) -> float:
        return self._verdict.retry_after_seconds


def policies_of(provider: InsuranceProvider) -> list[RateLimitItem]:
    """Give what each key of an insurer may call, the narrowest first."""
    return [
        PerSecond(settings.CALLS_PER_SECOND, namespace="burst"),
        RateLimitItemPerHour(provider.calls_per_hour or settings.CALLS_PER_HOUR, namespace="hour"),
    ]


def _of_addresses() -> RateLimitItem:
    return RateLimitItemPerMinute(settings.CALLS_PER_MINUTE_WITHOUT_KEY, namespace="address")


def address_of(ip: str | None) -> str:
    """Give one name for all addresses that one customer of a network has."""
    if ip is None:
        return "nowhere"
    address = ip_address(ip)
    if isinstance(address, IPv4Address):
        return ip
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))


def _share_of(policy: RateLimitItem) -> RateLimitItem:
    amount = ceil(policy.amount / settings.WEB_PROCESSES)
    return type(policy)(amount, policy.multiples, policy.namespace)


def _seconds(given: float) -> int:
    return max(1, ceil(given))
