"""How the insurer treats DocPort: well, unless it is told to misbehave.

A behaviour holds for what DocPort calls, never for the pages or the control. It is given at the
start (`--behaviour`) or while the insurer runs (`PUT /control/behaviour`), as a JSON object of the
fields below; what is left out is good behaviour.
"""

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# What can be neglected, and what the insurer then does wrong.
NEGLECTED = {
    "signatures": "believes every message",
    "age": "believes a message of any age",
    "public_key": "looks at the secret's signature alone",
    "challenges": "does not repeat a challenge",
    "repeats": "refuses an event that it knows, with 409",
    "unknown_types": "refuses a type of event that it does not know, with 400",
    "unknown_fields": "refuses an event with a field that it does not know, with 400",
    "order": "refuses an event that is older than one of the same subject, with 409",
    "versions": "lets an older push replace a newer one",
    "erasures": "says that it erased a doctor, and did not",
}
_STATUSES = range(200, 600)


class BadBehaviour(Exception):
    """The description cannot be followed; the message says why."""


@dataclass(frozen=True)
class Behaviour:
    """What the insurer does with each call of DocPort's."""

    # Answer with this status; a message that is not answered with 2xx is not taken either.
    status: int | None = None
    # Seconds or a date, sent along with whatever the answer is.
    retry_after: str | None = None
    # Send DocPort elsewhere, and take nothing.
    redirect_to: str | None = None
    # Take the message, and answer so much later.
    delay_seconds: float = 0
    # Wait so long after each byte of the answer.
    drip_seconds: float = 0
    # What a TLS connection meets: a certificate that nobody trusts, or no TLS at all.
    tls: Literal["good", "untrusted", "none"] = "good"
    # Names out of NEGLECTED.
    neglects: tuple[str, ...] = ()
    # Behave well again after so many calls.
    times: int | None = None

    @property
    def refusal(self) -> int | None:
        """Give the status that stands for a message which is not taken; `None` takes it."""
        if self.redirect_to is not None:
            return 307
        if self.status is not None and self.status // 100 != 2:  # noqa: PLR2004  The class of success.
            return self.status
        return None

    @property
    def headers(self) -> dict[str, str]:
        """Give what the answer bears besides."""
        extra = {"Retry-After": self.retry_after, "Location": self.redirect_to}
        return {name: value for name, value in extra.items() if value is not None}


GOOD = Behaviour()


class Behaviours:
    """The behaviour in force; threads share it."""

    def __init__(self, first: Behaviour) -> None:
        self._lock = threading.Lock()
        self._behaviour = first

    @property
    def now(self) -> Behaviour:
        """Give the behaviour without using it up."""
        return self._behaviour

    def change(self, behaviour: Behaviour) -> None:
        """Behave so from the next call on."""
        with self._lock:
            self._behaviour = behaviour

    def take(self) -> Behaviour:
        """Give the behaviour for one call of DocPort's."""
        with self._lock:
            taken = self._behaviour
            if taken.times is not None:
                left = taken.times - 1
                self._behaviour = dataclasses.replace(taken, times=left) if left else GOOD
            return taken


def read_behaviour(given: object) -> Behaviour:
    """Give the behaviour that a JSON object describes.

    Raises:
        BadBehaviour: with what is wrong.
    """
    known = {field.name for field in dataclasses.fields(Behaviour)}
    if not isinstance(given, Mapping) or not given.keys() <= known:
        raise BadBehaviour(f"Send an object with some of: {', '.join(sorted(known))}.")
    for name, (is_right, wanted) in _FIELDS.items():
        if name in given and not is_right(given[name]):
            raise BadBehaviour(f"{name} must be {wanted}.")
    values = {name: value for name, value in given.items() if value is not None}
    if "neglects" in values:
        values["neglects"] = tuple(values["neglects"])
    return Behaviour(**values)


def _is_status(value: Any) -> bool:
    return value is None or (_is_whole(value) and value in _STATUSES)


def _is_header(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.isprintable())


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600  # noqa: PLR2004  An hour.


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_neglected(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, str) and one in NEGLECTED for one in value
    )


_FIELDS = {
    "status": (_is_status, "a status from 200 to 599"),
    "retry_after": (_is_header, "text"),
    "redirect_to": (_is_header, "an address"),
    "delay_seconds": (_is_seconds, "seconds, an hour at most"),
    "drip_seconds": (_is_seconds, "seconds, an hour at most"),
    "tls": (lambda value: value in ("good", "untrusted", "none"), "good, untrusted or none"),
    "neglects": (_are_neglected, f"a list of some of: {', '.join(NEGLECTED)}"),
    "times": (lambda value: value is None or (_is_whole(value) and value > 0), "1 or more"),
}  # fmt: skip
