"""Serve what DocPort calls: behave as told, answer, and note it in the report."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from integrations.mock_insurer.receiver import Call, Reply
from integrations.mock_insurer.server import ID, Handler, Route
from integrations.mock_insurer.store import Part

DOCTOR = ID.format("doctor_id")


def put_profile(handler: Handler, doctor_id: str) -> None:
    _push(handler, lambda call: handler.insurer.receiver.put("profile", doctor_id, call))


def put_availability(handler: Handler, doctor_id: str) -> None:
    _push(handler, lambda call: handler.insurer.receiver.put("availability", doctor_id, call))


def delete_doctor(handler: Handler, doctor_id: str) -> None:
    _push(handler, lambda call: handler.insurer.receiver.delete(doctor_id, call))


def get_profile_state(handler: Handler, doctor_id: str) -> None:
    _tell(handler, "profile", doctor_id)


def get_availability_state(handler: Handler, doctor_id: str) -> None:
    _tell(handler, "availability", doctor_id)


def post_webhook(handler: Handler) -> None:
    call = _call(handler)
    reply = _as_told(call, handler.insurer.receiver.webhook(call))
    handler.insurer.report.note_webhook(
        call.headers.get("webhook-id", ""),
        _event(call.body) if reply.is_genuine else {},
        is_genuine=reply.is_genuine,
        status=reply.status,
        at=handler.insurer.clock(),
    )
    _send(handler, call, reply)


def _push(handler: Handler, act: Callable[[Call], Reply]) -> None:
    call = _call(handler)
    reply = _as_told(call, act(call))
    handler.insurer.report.note_push(is_genuine=reply.is_genuine, status=reply.status)
    _send(handler, call, reply)


def _tell(handler: Handler, part: Part, doctor_id: str) -> None:
    call = _call(handler)
    reply = handler.insurer.receiver.state(part, doctor_id)
    refusal = call.behaviour.refusal
    _send(handler, call, reply if refusal is None else Reply(refusal, {"error": "as_told"}))


def _call(handler: Handler) -> Call:
    return Call(handler.sent_headers, handler.body, handler.insurer.behaviours.take())


def _as_told(call: Call, reply: Reply) -> Reply:
    """Give the answer with the status that was asked for, if the message was taken."""
    is_taken = reply.status // 100 == 2  # noqa: PLR2004  The class of success.
    if is_taken and call.behaviour.status is not None:
        return replace(reply, status=call.behaviour.status)
    return reply


def _send(handler: Handler, call: Call, reply: Reply) -> None:
    behaviour = call.behaviour
    time.sleep(behaviour.delay_seconds)
    if behaviour.drip_seconds:
        handler.wfile = _Dripping(handler.wfile, behaviour.drip_seconds)  # type: ignore[assignment]  # All that is used of a file.
    handler.json(reply.status, reply.body, reply.headers | behaviour.headers)


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


class _Written(Protocol):
    def write(self, content: bytes, /) -> int: ...


class _Dripping:
    """A file that is written to a byte at a time."""

    closed = False

    def __init__(self, file: _Written, seconds: float) -> None:
        self._file, self._seconds = file, seconds

    def write(self, content: bytes) -> int:
        """Write slowly."""
        for place in range(len(content)):
            self._file.write(content[place : place + 1])
            time.sleep(self._seconds)
        return len(content)

    def flush(self) -> None:
        """Write what waits: nothing ever does."""

    def close(self) -> None:
        """Leave the connection to its server."""


ROUTES = (
    Route("PUT", f"/docport/doctors/{DOCTOR}", put_profile),
    Route("PUT", f"/docport/doctors/{DOCTOR}/availability", put_availability),
    Route("DELETE", f"/docport/doctors/{DOCTOR}", delete_doctor),
    Route("GET", f"/docport/doctors/{DOCTOR}", get_profile_state),
    Route("GET", f"/docport/doctors/{DOCTOR}/availability", get_availability_state),
    Route("POST", "/docport/webhooks", post_webhook),
)
