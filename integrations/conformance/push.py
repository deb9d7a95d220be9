"""The checks of the system that doctors are pushed to."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from integrations.conformance.checks import Check, Failed, Skipped, accepted, refused
from integrations.conformance.sandbox import Heard, Sandbox
from integrations.connectors import Document
from integrations.connectors.docport_json.mapping import PROFILE, canonical

_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_AVAILABILITY = "/availability"
_GUIDE = "See “Be sent whole doctors” in the guide to webhooks."


def _profile(sandbox: Sandbox, version: int) -> dict[str, Any]:
    return {
        "id": str(sandbox.doctor),
        "full_name": f"Conformance Check {version}",
        "specialization": "general_medicine",
        "languages": ["en"],
        "locations": [],
        "version": version,
    }


def _hours(sandbox: Sandbox, version: int) -> dict[str, Any]:
    return {"doctor_id": str(sandbox.doctor), "windows": [], "version": version}


def _put(sandbox: Sandbox) -> str:
    accepted(sandbox.put(_profile(sandbox, 2), version=2), "The profile")
    hours = sandbox.put(_hours(sandbox, 2), version=2, part=_AVAILABILITY)
    return accepted(hours, "The profile, and then the hours,")


def _unsigned(sandbox: Sandbox) -> str:
    # Another doctor, so that one who was taken in wrongly is in nobody's way.
    stranger = replace(sandbox, doctor=uuid4())
    heard = stranger.put(_profile(stranger, 1), version=1, is_signed=False)
    if heard.is_accepted:
        stranger.delete()
    return refused(heard, "A push without a signature")


def _again(sandbox: Sandbox) -> str:
    heard = sandbox.put(_profile(sandbox, 2), version=2)
    if heard.status != HTTPStatus.CONFLICT:
        accepted(heard, "The same state once more")
    return f"The same state once more was answered with {heard.outcome}."


def _state(sandbox: Sandbox) -> str:
    heard = sandbox.state()
    if not heard.is_accepted:
        raise Skipped(f"It does not say which state it holds ({heard.outcome}).")
    sandbox.shows_state = True
    _check_state(sandbox, heard, 2)
    return "It holds the state that was sent."


def _check_state(sandbox: Sandbox, heard: Heard, version: int) -> None:
    sent = Document(PROFILE, canonical(_profile(sandbox, version)))
    if heard.headers.get("DocPort-State") != sent.state:
        raise Failed("The DocPort-State it holds is not the one that was sent last.")


def _older(sandbox: Sandbox) -> str:
    accepted(sandbox.put(_profile(sandbox, 3), version=3), "Version 3")
    heard = sandbox.put(_profile(sandbox, 1), version=1)
    if heard.status != HTTPStatus.CONFLICT:
        raise Failed(f"Version 1 after version 3 was answered with {heard.outcome}.")
    if sandbox.shows_state:
        _check_state(sandbox, sandbox.state(), 3)
    return "Version 1 after version 3 was answered with 409."


def _erase(sandbox: Sandbox) -> str:
    accepted(sandbox.delete(), "The erasure")
    if sandbox.shows_state:
        after, what = sandbox.state(), "Asked for the doctor, it answered"
        is_gone = after.status in _GONE
    else:
        after, what = sandbox.delete(), "A second erasure was answered with"
        is_gone = after.is_accepted or after.status in _GONE
    if not is_gone:
        raise Failed(f"{what} {after.outcome}.")
    return f"The doctor was erased. {what} {after.outcome}."


def _return(sandbox: Sandbox) -> str:
    back = sandbox.put(_profile(sandbox, 4), version=4)
    try:
        return accepted(back, "A doctor who came back after an erasure")
    finally:
        sandbox.delete()


_HELD = ("push.put",)

CHECKS = (
    Check(
        "push.put",
        "A signed PUT of a doctor's profile, and of the hours, is answered with 2xx.",
        f"Check the signature with the secret of your first endpoint. {_GUIDE}",
        _put,
    ),
    Check(
        "push.unsigned",
        "A PUT with no signature is refused with 4xx.",
        f"Check signatures of pushes as those of webhooks. {_GUIDE}",
        _unsigned,
        needs=_HELD,
    ),
    Check(
        "push.again",
        "The same state twice is answered with 2xx or 409.",
        "Put the state in place of what you hold; the same again changes nothing.",
        _again,
        needs=_HELD,
    ),
    Check(
        "push.state",
        "A GET of a doctor answers with the DocPort-State that is held. This is not required.",
        "Keep the DocPort-State of each PUT and give it back as it was.",
        _state,
        needs=_HELD,
    ),
    Check(
        "push.older",
        "A PUT with an older DocPort-Version is answered with 409 and changes nothing.",
        f"Compare DocPort-Version with the version that you hold. {_GUIDE}",
        _older,
        needs=_HELD,
    ),
    Check(
        "push.erase",
        "A DELETE is answered with 2xx, and the doctor is then gone: 404 or 410.",
        f"Erase the doctor before you answer. {_GUIDE}",
        _erase,
        needs=_HELD,
    ),
    Check(
        "push.return",
        "A doctor who was erased can be put again: consent can be given anew.",
        "Do not refuse an id because it was erased once.",
        _return,
        needs=(*_HELD, "push.erase"),
    ),
)
