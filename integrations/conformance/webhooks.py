"""The checks of a webhook endpoint."""

import json
import secrets
from datetime import timedelta

from integrations.conformance.checks import Check, Failed, Skipped, accepted, refused
from integrations.conformance.sandbox import Keys, Sandbox
from integrations.connectors.webhooks import mapping

_TOO_OLD = timedelta(minutes=10)
# Just under the 20 kB that an event has at most.
_LARGEST_PADDING = 19_000
_CHALLENGE = "endpoint.challenge"
_GUIDE = "See “What a receiver does” in the guide to webhooks."


def _address(sandbox: Sandbox) -> str:
    # The first message of a run. What follows judges the answer to it as well.
    challenge = secrets.token_urlsafe(24)
    asked = sandbox.event(_CHALLENGE, data={"challenge": challenge})
    sandbox.first = sandbox.post(asked)
    sandbox.challenge = challenge
    if sandbox.first.reason in {"dns_error", "target_forbidden", "connection_refused"}:
        raise Failed(f"The first call ended with {sandbox.first.reason}.")
    return "The address can be called."


def _tls(sandbox: Sandbox) -> str:
    if sandbox.first.reason == "tls_error":
        raise Failed("TLS could not be agreed on, or the certificate does not hold.")
    if not sandbox.webhook_url.startswith("https:"):
        raise Skipped("Plain http, which only a DocPort in development calls.")
    return "TLS was agreed on, and the certificate holds."


def _in_time(sandbox: Sandbox) -> str:
    if sandbox.first.reason == "timeout":
        raise Failed("No whole answer came in time.")
    return "The whole answer came in time."


def _no_redirect(sandbox: Sandbox) -> str:
    status = sandbox.first.status or 0
    if status // 100 == 3:  # noqa: PLR2004  The class of redirects.
        raise Failed(f"The answer was {status}, a redirect.")
    return "The address answered for itself."


def _challenge(sandbox: Sandbox) -> str:
    accepted(sandbox.first, "The challenge")
    if not mapping.repeats(sandbox.first.body, sandbox.challenge):
        raise Failed("The answer does not repeat the challenge as JSON.")
    return "The challenge was repeated."


def _genuine(sandbox: Sandbox) -> str:
    return accepted(sandbox.post(sandbox.event("doctor.updated")), "A genuine event")


def _wrong_signature(sandbox: Sandbox) -> str:
    foreign = Keys([mapping.new_secret(), mapping.new_key_pair()[0]])
    heard = sandbox.post(sandbox.event("doctor.updated"), keys=foreign)
    return refused(heard, "An event that somebody else signed")


def _altered(sandbox: Sandbox) -> str:
    event = sandbox.event("doctor.updated")
    other = sandbox.event("doctor.updated", id=event["id"])
    heard = sandbox.post(event, body=json.dumps(other).encode())
    return refused(heard, "An event that was altered after it was signed")


def _unsigned(sandbox: Sandbox) -> str:
    heard = sandbox.post(sandbox.event("doctor.updated"), keys=Keys([]))
    return refused(heard, "An event without a signature")


def _timestamp(sandbox: Sandbox) -> str:
    refused(sandbox.post(sandbox.event("doctor.updated"), age=_TOO_OLD), "An event of long ago")
    heard = sandbox.post(sandbox.event("doctor.updated"), age=-_TOO_OLD)
    return refused(heard, "An event of 10 minutes ago, and one of 10 minutes ahead,")


def _repeat(sandbox: Sandbox) -> str:
    event = sandbox.event("doctor.updated")
    accepted(sandbox.post(event), "The first try")
    return accepted(sandbox.post(event, age=timedelta(seconds=-1)), "The second try")


def _replay(sandbox: Sandbox) -> str:
    event, at = sandbox.event("doctor.updated"), sandbox.clock()
    sandbox.post(event, at=at)
    heard = sandbox.post(event, at=at)
    if not (heard.is_accepted or heard.is_refused):
        raise Failed(f"The copy was answered with {heard.outcome}.")
    return f"The copy was answered with {heard.outcome}."


def _unknown_type(sandbox: Sandbox) -> str:
    return accepted(sandbox.post(sandbox.event("conformance.unknown")), "A type of the future")


def _unknown_field(sandbox: Sandbox) -> str:
    event = sandbox.event("doctor.updated", conformance_unknown={"of": "the future"})
    return accepted(sandbox.post(event), "An event with a new field")


def _order(sandbox: Sandbox) -> str:
    newer = sandbox.event("doctor.updated", version=2)
    older = sandbox.event("doctor.updated") | {
        "subject": newer["subject"], "data": newer["data"],
    }  # fmt: skip
    accepted(sandbox.post(newer), "Version 2")
    return accepted(sandbox.post(older), "Version 1 after version 2")


def _size(sandbox: Sandbox) -> str:
    event = sandbox.event("doctor.updated")
    event["data"]["padding"] = "x" * _LARGEST_PADDING
    return accepted(sandbox.post(event), "An event of almost 20 kB")


def _heartbeat(sandbox: Sandbox) -> str:
    beat = sandbox.event("heartbeat", data={"endpoint_id": str(sandbox.doctor), "head": 1})
    for name in ("feed_seq", "subject", "subject_version", "consent_id"):
        del beat[name]
    return accepted(sandbox.post(beat), "A heartbeat")


def _recovery(sandbox: Sandbox) -> str:
    if sandbox.times_stuck:
        raise Failed(f"Messages that met 429 or 5xx on each of three tries: {sandbox.times_stuck}.")
    if sandbox.times_busy:
        return f"Messages that met 429 or 5xx first, and then an answer: {sandbox.times_busy}."
    return "It was never busy, and gave no 429 or 5xx."


_REACHED = ("webhook.address", "webhook.tls", "webhook.in_time", "webhook.no_redirect")
_ANSWERED = (*_REACHED, "webhook.challenge")

FIRST = (
    Check(
        "webhook.address",
        "The address is https on the public internet, its name resolves, and something listens.",
        "Check the name, the port and the firewall. Private addresses are never called.",
        _address,
    ),
    Check(
        "webhook.tls",
        "TLS with a certificate for this name, from a public authority, with its whole chain.",
        "Serve the full chain of a certificate that has not expired and names this host.",
        _tls,
        needs=("webhook.address",),
    ),
    Check(
        "webhook.in_time",
        "The whole answer comes within 15 seconds, the connection within 5.",
        "Keep the event and answer at once; do the work afterwards.",
        _in_time,
        needs=("webhook.address", "webhook.tls"),
    ),
    Check(
        "webhook.no_redirect",
        "The address answers itself. DocPort follows no redirect.",
        "Register the address that the redirect leads to.",
        _no_redirect,
        needs=("webhook.address", "webhook.tls", "webhook.in_time"),
    ),
    Check(
        "webhook.challenge",
        'A signed endpoint.challenge is answered with 200 and {"challenge": …}, repeated.',
        "Check that the secret is the endpoint's own, then repeat data.challenge as JSON.",
        _challenge,
        needs=_REACHED,
    ),
)

CHECKS = (
    Check(
        "webhook.genuine",
        "An event with the right signature is answered with any 2xx.",
        f"Sign the body as bytes, exactly as they came. {_GUIDE}",
        _genuine,
        needs=_ANSWERED,
    ),
    Check(
        "webhook.wrong_signature",
        "An event that another secret signed is refused with 4xx, best with 401.",
        f"Compare the signature before anything else is done with the body. {_GUIDE}",
        _wrong_signature,
        needs=_ANSWERED,
    ),
    Check(
        "webhook.altered",
        "An event whose body was altered after signing is refused with 4xx.",
        f"The signature covers id, timestamp and body, joined by dots. {_GUIDE}",
        _altered,
        needs=_ANSWERED,
    ),
    Check(
        "webhook.unsigned",
        "An event with no signature is refused with 4xx.",
        "Refuse what has no webhook-signature.",
        _unsigned,
        needs=_ANSWERED,
    ),
    Check(
        "webhook.timestamp",
        "An event signed more than 5 minutes ago or ahead is refused with 4xx.",
        "Compare webhook-timestamp with your clock, and keep that clock right (NTP).",
        _timestamp,
        needs=_ANSWERED,
    ),
    Check(
        "webhook.repeat",
        "A webhook-id that is known is answered with 2xx again, and has no second effect.",
        "Remember webhook-id with what you do; answer 2xx when it is there already.",
        _repeat,
        needs=(*_ANSWERED, "webhook.genuine"),
    ),
    Check(
        "webhook.replay",
        "A copy of a message, byte for byte, is ignored (2xx) or refused (4xx).",
        "Treat a copy as a repeat; it must not end in an error of yours.",
        _replay,
        needs=(*_ANSWERED, "webhook.genuine"),
    ),
    Check(
        "webhook.unknown_type",
        "A type of event that is not known yet is answered with 2xx and ignored.",
        "DocPort adds types without a new version. Ignore the ones you do not use.",
        _unknown_type,
        needs=(*_ANSWERED, "webhook.genuine"),
    ),
    Check(
        "webhook.unknown_field",
        "A field that is not known yet is ignored.",
        "DocPort adds fields without a new version. Do not validate against a closed list.",
        _unknown_field,
        needs=(*_ANSWERED, "webhook.genuine"),
    ),
    Check(
        "webhook.order",
        "An event older than one that came before is answered with 2xx and changes nothing.",
        "Ignore a subject_version below the one you have; do not refuse it.",
        _order,
        needs=(*_ANSWERED, "webhook.genuine"),
    ),
    Check(
        "webhook.size",
        "An event of up to 20 kB is taken.",
        "Raise the limit on the size of a body, also in proxies before you.",
        _size,
        needs=(*_ANSWERED, "webhook.genuine"),
    ),
    Check(
        "webhook.heartbeat",
        "A heartbeat, which has no subject, is answered with 2xx.",
        "Expect type, timestamp and data; subject and feed_seq only where there are any.",
        _heartbeat,
        needs=(*_ANSWERED, "webhook.genuine"),
    ),
)

LAST = (
    Check(
        "recovery",
        "After 429 or 5xx, the same message is taken when it comes again.",
        "See why the system answers so, and let Retry-After say when it is back.",
        _recovery,
    ),
)
