"""Send one request and tell what came of it, in words that an insurer may read."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import urllib3
from urllib3 import HTTPHeaderDict

from integrations.outgoing.targets import TargetForbidden, TargetUnknown
from integrations.outgoing.transport import Session, deadline

TOTAL_SECONDS = 15.0
MOST_BYTES_READ = 8 * 1024
_HEADERS = {"User-Agent": "DocPort/1 (+webhooks; push)", "Accept-Encoding": "identity"}
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """What an insurer's system accepted a request with."""

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

    headers: Mapping[str, str] = HTTPHeaderDict()


def new_session(*, width: int = 64, authorities: str | None = None) -> Session:
    """Make the session that requests go out with; threads may share it.

    Args:
        width: how many requests may be under way at once.
        authorities: path of the certificates to trust; `None` trusts the public ones.
    """
    return Session(width=width, authorities=authorities)


def send(
    session: Session, method: str, url: str, *, body: bytes, headers: Mapping[str, str]
) -> Answer:
    """Send exactly these bytes; follow no redirect, use no proxy, end within 15 seconds.

    Args:
        session: one that `new_session` made.

    Raises:
        PartnerUnavailable: nothing answered, or 429 or 5xx.
        PartnerRefused: any other answer but 2xx.
    """
    reset = deadline.set(time.monotonic() + TOTAL_SECONDS)
    try:
        answer = _ask(session, method, url, body, headers)
    except TargetUnknown as error:
        raise PartnerUnavailable("dns_error") from error
    except urllib3.exceptions.NewConnectionError as error:
        # To urllib3 it is a timeout as well.
        raise PartnerUnavailable("connection_refused") from error
    except (urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise PartnerUnavailable("timeout") from error
    except urllib3.exceptions.SSLError as error:
        raise PartnerUnavailable("tls_error") from error
    except (TargetForbidden, ValueError) as error:
        # urllib3 raises a ValueError where it cannot make an address of the text.
        raise PartnerUnavailable("target_forbidden") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise PartnerUnavailable("connection_refused") from error
    finally:
        deadline.reset(reset)
    return _judged(answer)


def _ask(
    session: Session, method: str, url: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    response = session.request(method, url, body=body, headers={**_HEADERS, **headers})
    try:
        return Answer(response.status, response.headers, response.read(MOST_BYTES_READ))
    finally:
        # The connection of an answer that was read to its end has gone back before.
        response.close()
        response.release_conn()


def _judged(answer: Answer) -> Answer:
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
