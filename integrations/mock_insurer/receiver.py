"""What DocPort calls: the push of doctors, and webhooks. The signature comes before all else."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from integrations.mock_insurer.behaviour import GOOD, Behaviour
from integrations.mock_insurer.signatures import NotGenuine, Signed, verify
from integrations.mock_insurer.store import OlderThanHeld, Part, Store

# What an insurer that neglects to expect news takes for all that DocPort can say.
_TYPES = ("doctor.", "availability.", "consent.", "appointment.", "endpoint.", "heartbeat", "ping")
_FIELDS = {
    "id",
    "type",
    "timestamp",
    "feed_seq",
    "subject",
    "subject_version",
    "consent_id",
    "data",
}

log = logging.getLogger(__name__)


class BadMessage(Exception):
    """A genuine message that makes no sense; sending it again will not help."""


@dataclass(frozen=True)
class Call:
    """A call of DocPort's, or of somebody who says so; names of headers are in lower case."""

    headers: Mapping[str, str]
    body: bytes
    # How the insurer treats this one.
    behaviour: Behaviour = GOOD

    def neglects(self, what: str) -> bool:
        """Tell whether the insurer was told to do this wrong."""
        return what in self.behaviour.neglects


@dataclass(frozen=True)
class Reply:
    """The answer to DocPort."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    # Whether what it answers bore a signature that holds.
    is_genuine: bool = True


class Receiver:
    """The insurer's side of DocPort's push and webhooks."""

    def __init__(
        self,
        store: Store,
        *,
        secret: str,
        public_key: str,
        clock: Callable[[], float],
        woken: Callable[[], None],
    ) -> None:
        self._store = store
        self._secret, self._public_key = secret, public_key
        self._clock = clock
        self._woken = woken

    def put(self, part: Part, doctor_id: str, call: Call) -> Reply:
        """Take the whole new state of a doctor's profile or hours."""
        return self._answered(call, lambda signed, data: self._put(
            part, doctor_id, call, signed, data
        ))  # fmt: skip

    def delete(self, doctor_id: str, call: Call) -> Reply:
        """Erase a doctor who left this insurer."""
        return self._answered(call, lambda signed, data: self._delete(
            doctor_id, call, signed, data
        ))  # fmt: skip

    def webhook(self, call: Call) -> Reply:
        """Take an event; one that is known is taken again without effect."""
        return self._answered(call, lambda signed, event: self._webhook(call, signed, event))

    def state(self, part: Part, doctor_id: str) -> Reply:
        """Say which state of a doctor is held, so that DocPort can find and repair drift."""
        held = self._store.doctor(doctor_id) or {}
        state = held.get(f"{part}_state")
        if not state:
            return Reply(404, {"error": "not_held"}, {"DocPort-State": "none"})
        return Reply(200, {"version": held[f"{part}_version"]}, {"DocPort-State": state})

    def _answered(self, call: Call, act: Callable[[Signed, dict[str, Any]], Reply]) -> Reply:
        try:
            signed, is_genuine = self._verified(call, self._public_key, self._clock()), True
        except NotGenuine as error:
            log.warning("Refused a message. %s", error)
            reply = Reply(401, {"error": "not_genuine", "detail": str(error)}, is_genuine=False)
            believed = self._believed(call)
            if believed is None:
                return reply
            signed, is_genuine = believed, False
        return replace(self._acted(call, signed, act), is_genuine=is_genuine)

    def _verified(self, call: Call, public_key: str, at: float) -> Signed:
        return verify(call.headers, call.body, secret=self._secret, public_key=public_key, at=at)

    def _believed(self, call: Call) -> Signed | None:
        """Give what an insurer takes from a message that it has no reason to believe."""
        timestamp = call.headers.get("webhook-timestamp", "")
        signed_at = int(timestamp) if timestamp.isascii() and timestamp.isdecimal() else 0
        if call.neglects("signatures"):
            return Signed(call.headers.get("webhook-id", ""), signed_at)
        at = signed_at if call.neglects("age") else self._clock()
        public_key = "" if call.neglects("public_key") else self._public_key
        try:
            return self._verified(call, public_key, at)
        except NotGenuine:
            return None

    @staticmethod
    def _acted(call: Call, signed: Signed, act: Callable[[Signed, dict[str, Any]], Reply]) -> Reply:
        if call.behaviour.refusal is not None:
            return Reply(call.behaviour.refusal, {"error": "as_told"})
        try:
            return act(signed, _object(call.body))
        except BadMessage as error:
            return Reply(400, {"error": "bad_message", "detail": str(error)})
        except OlderThanHeld:
            return Reply(409, {"error": "newer_is_held"})

    def _put(
        self, part: Part, doctor_id: str, call: Call, signed: Signed, body: dict[str, Any]
    ) -> Reply:
        # The path is not signed, the body is: they must speak of the same doctor.
        named = body.get("id" if part == "profile" else "doctor_id", doctor_id)
        if named != doctor_id:
            raise BadMessage("The body is about another doctor.")
        version = call.headers.get("docport-version", "")
        if not (version.isascii() and version.isdecimal()):
            raise BadMessage("DocPort-Version is missing or not a number.")
        self._store.replace(
            part,
            doctor_id,
            body,
            version=int(version),
            state=call.headers.get("docport-state", ""),
            signed=signed.signed_at,
            at=self._clock(),
            keeps_newest=not call.neglects("versions"),
        )
        log.info("Took %s of doctor %s, version %s", part, doctor_id, version)
        return Reply(200, {"held": int(version)})

    def _delete(self, doctor_id: str, call: Call, signed: Signed, body: dict[str, Any]) -> Reply:
        if body.get("doctor_id", doctor_id) != doctor_id:
            raise BadMessage("The body is about another doctor.")
        if not call.neglects("erasures"):
            reason = str(body.get("reason", ""))
            self._store.erase(doctor_id, signed=signed.signed_at, reason=reason)
            log.info("Erased doctor %s", doctor_id)
        return Reply(200, {"erased": doctor_id})

    def _webhook(self, call: Call, signed: Signed, event: dict[str, Any]) -> Reply:
        if not isinstance(event.get("type"), str) or not isinstance(event.get("data"), dict):
            raise BadMessage("An event has a type and data.")
        if event["type"] == "endpoint.challenge":
            # Every time, also when it is known: DocPort sends nothing else before it is answered.
            log.info("Answered a challenge")
            asked = "" if call.neglects("challenges") else event["data"].get("challenge")
            return Reply(200, {"challenge": asked})
        happened_at = _unix(event.get("timestamp"))
        self._mind(call, event)
        if not self._store.add_event(signed.message_id, event, at=self._clock()):
            return Reply(409 if call.neglects("repeats") else 200, {"known": True})
        log.info("Heard %s", event["type"])
        if event["type"] == "consent.revoked":
            self._leave(event, happened_at)
        self._woken()
        return Reply(200, {"known": False})

    def _mind(self, call: Call, event: dict[str, Any]) -> None:
        """Refuse, where it was told to, what an insurer should take as it comes."""
        if call.neglects("unknown_types") and not event["type"].startswith(_TYPES):
            raise BadMessage("This type of event is not known.")
        if call.neglects("unknown_fields") and not event.keys() <= _FIELDS:
            raise BadMessage("This field of an event is not known.")
        if call.neglects("order") and self._store.knows_newer(event):
            raise OlderThanHeld

    def _leave(self, event: dict[str, Any], happened_at: int) -> None:
        doctor_id = str(event["data"].get("doctor_id"))
        try:
            self._store.erase(doctor_id, signed=happened_at, reason="revoked")
        except OlderThanHeld:
            # The doctor came back since, and DocPort has pushed the profile again.
            log.info("A late event about doctor %s changes nothing", doctor_id)
            return
        if consent_id := event.get("consent_id"):
            self._store.keep_erasure(str(consent_id), at=self._clock())


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise BadMessage("The body is not JSON.") from error
    if not isinstance(found, dict):
        raise BadMessage("The body is not a JSON object.")
    return found


def _unix(timestamp: Any) -> int:
    try:
        return int(datetime.fromisoformat(str(timestamp)).timestamp())
    except ValueError as error:
        raise BadMessage("An event has a timestamp in ISO 8601.") from error
