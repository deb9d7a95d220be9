"""An insurer's system as the checks reach it: signed as DocPort signs, sent as DocPort sends."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from integrations import outgoing
from integrations.connectors import Document
from integrations.connectors.docport_json.mapping import PROFILE, canonical, erasure, state_headers
from integrations.connectors.webhooks import mapping
from integrations.outgoing import Session

# A system that is busy is asked again so often, and waited for so long at most each time.
_TRIES = 3
_LONGEST_WAIT = timedelta(seconds=10)
_FIRST_WAIT = timedelta(seconds=1)

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Keys:
    """What messages are signed with: an endpoint's secrets, and its private key where known."""

    signing: Sequence[str] = field(repr=False)


@dataclass(frozen=True)
class Heard:
    """What came of one message. `reason` is one of DocPort's words where no status came."""

    status: int | None
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_accepted(self) -> bool:
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004  The class of success.

    @property
    def is_refused(self) -> bool:
        return self.status is not None and self.status // 100 == 4 and not self.is_busy  # noqa: PLR2004  The class of refusals.

    @property
    def is_busy(self) -> bool:
        return self.status is not None and (
            self.status == HTTPStatus.TOO_MANY_REQUESTS
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )

    @property
    def outcome(self) -> str:
        """Name it in a word or a number."""
        return str(self.status) if self.status is not None else self.reason


@dataclass
class Sandbox:
    """One run's view of an insurer's system, and what the run has learnt of it."""

    webhook_url: str
    keys: Keys
    session: Session
    clock: Callable[[], datetime]
    # Where doctors are pushed to; nothing is pushed without it.
    api_base_url: str = ""
    pause: Callable[[float], None] = time.sleep
    # A doctor whom nobody knows, and whom the last check erases again.
    doctor: UUID = field(default_factory=uuid4)
    # What the endpoint was asked to repeat, and what it answered.
    challenge: str = ""
    first: Heard = field(default_factory=lambda: Heard(None))
    # How often the system was busy, and how often it stayed so.
    times_busy: int = 0
    times_stuck: int = 0
    # Whether it says which state it holds.
    shows_state: bool = False

    def event(self, event_type: str, *, version: int = 1, **given: Any) -> dict[str, Any]:
        """Make up an event about a doctor of its own.

        Args:
            given: other fields, or other values of these.
        """
        doctor = uuid4()
        return {
            "id": f"evt_{uuid4().hex}",
            "type": event_type,
            "timestamp": self.clock().isoformat(),
            "feed_seq": version,
            "subject": f"doctor/{doctor}",
            "subject_version": version,
            "consent_id": None,
            "data": {"doctor_id": str(doctor)},
        } | given

    def post(
        self,
        event: Body,
        *,
        at: datetime | None = None,
        age: timedelta = timedelta(0),
        keys: Keys | None = None,
        body: bytes | None = None,
    ) -> Heard:
        """Send an event to the webhook endpoint.

        Args:
            at: when it is signed; the same instant makes the same message. `None` is now.
            age: how long ago the message says that it was signed.
            keys: signs with these instead of the insurer's.
            body: what is sent in place of what was signed.
        """
        content = json.dumps(event).encode()
        signed_at = int(((at or self.clock()) - age).timestamp())
        headers = mapping.headers(event["id"], signed_at, content, keys=(keys or self.keys).signing)
        return self._asked("POST", self.webhook_url, body or content, headers)

    def put(self, state: Body, *, version: int, part: str = "", is_signed: bool = True) -> Heard:
        """Push the made-up doctor.

        Args:
            part: `/availability`, or nothing for the profile.
        """
        document = Document(part or PROFILE, canonical(state))
        headers = state_headers(version, document)
        return self._pushed("PUT", part, document.body, headers, is_signed=is_signed)

    def delete(self) -> Heard:
        """Ask to erase the made-up doctor."""
        erase_by = (self.clock() + timedelta(days=30)).isoformat()
        document = erasure(self.doctor, reason="consent_withdrawn", erase_by=erase_by)
        return self._pushed("DELETE", "", document.body, {})

    def state(self) -> Heard:
        """Ask which state of the made-up doctor is held."""
        return self._pushed("GET", "", b"", {})

    def _pushed(
        self,
        method: str,
        part: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        is_signed: bool = True,
    ) -> Heard:
        url = f"{self.api_base_url.rstrip('/')}/doctors/{self.doctor}{part}"
        at = int(self.clock().timestamp())
        keys = self.keys.signing if is_signed else ()
        signed = mapping.headers(f"sync_{uuid4().hex}", at, body, keys=keys)
        return self._asked(method, url, body, {**signed, **headers})

    def _asked(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Heard:
        """Ask again while the system says that it is busy, as DocPort does."""
        was_busy = False
        for _ in range(_TRIES):
            heard, wait = self._sent(method, url, body, headers)
            if not heard.is_busy:
                self.times_busy += was_busy
                return heard
            was_busy = True
            self.pause(min(wait, _LONGEST_WAIT).total_seconds())
        self.times_busy += 1
        self.times_stuck += 1
        return heard

    def _sent(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[Heard, timedelta]:
        try:
            sending = outgoing.send(self.session, method, url, body=body, headers=headers)
            answer = self.session.run(sending)
        except outgoing.PartnerUnavailable as failure:
            asked = outgoing.wait_asked(failure.retry_after, at=self.clock())
            return Heard(failure.status, failure.reason), asked or _FIRST_WAIT
        except outgoing.PartnerRefused as refusal:
            return Heard(refusal.status, refusal.reason), _FIRST_WAIT
        return Heard(answer.status, headers=answer.headers, body=answer.body), _FIRST_WAIT
