"""What comes back from an insurer's system, in words that an insurer may read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType

_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """What an insurer's system answered; names of headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class PartnerError(Exception):
    """The request was not accepted; `reason` is safe to show."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


class PartnerUnavailable(PartnerError):
    """No answer, or one that asks to come again: trying again can help."""

    retry_after: str | None = None


class PartnerRefused(PartnerError):
    """An answer that says no: the same request will not be accepted later."""

    headers: Mapping[str, str] = MappingProxyType({})


def accepted(answer: Answer) -> Answer:
    """Give an answer that accepts its request.

    Raises:
        PartnerUnavailable: 429 or 5xx.
        PartnerRefused: any other answer but 2xx.
    """
    status = answer.status
    if status // 100 == 2:  # noqa: PLR2004  The class of success.
        return answer
    reason = f"http_{status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        error = PartnerUnavailable(reason, status=status)
        error.retry_after = answer.headers.get("Retry-After")
        raise error
    refusal = PartnerRefused(reason, status=status)
    refusal.headers = answer.headers
    raise refusal


def wait_asked(retry_after: str | None, *, at: datetime) -> timedelta | None:
    """Read a Retry-After header: seconds or a date, kept between 1 second and 24 hours.

    Args:
        at: aware instant of the answer.
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        # More digits than anybody means would not fit a timedelta.
        seconds = int(text[:9])
        return min(max(timedelta(seconds=seconds), _SHORTEST_WAIT), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(aware - at, _SHORTEST_WAIT), _LONGEST_WAIT)
