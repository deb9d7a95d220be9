"""What schemathesis cannot know of this API: the times that matter, and the rules of no schema.

It is loaded by the process that makes the calls, which has no Django.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
from hypothesis import strategies as st

PROBLEM = "application/problem+json"
# What servers and the security middleware add to every answer of the site.
TRANSPORT = {
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "date",
    "keep-alive",
    "referrer-policy",
    "server",
    "x-content-type-options",
    "x-frame-options",
}
# Why a request may be refused that is right field by field.
RULES = {
    "feed_expired",
    "hold_mismatch",
    "idempotency_key_reused",
    "invalid_cursor",
    "slot_not_available",
    "url_refused",
    "version_mismatch",
}
RULES_OF_FIELDS = {
    "bad_range",
    "beyond_head",
    "incomplete",
    "outside_consent",
    "too_many_slots",
    "unknown",
}

_now = datetime.now(UTC).replace(microsecond=0)
_zones = st.sampled_from(["Z", "+05:30", "-11:00", "+14:00"])


# Most of them near enough to meet a doctor's hours, and all in the years that are taken.
_days = st.integers(-1, 40) | st.integers(-40_000, 60_000)


def _date(days: int) -> str:
    return (_now + timedelta(days=days)).date().isoformat()


def _instant(days: int, quarters: int, zone: str) -> str:
    at = _now.replace(hour=0, minute=0, second=0) + timedelta(days=days, minutes=15 * quarters)
    return at.isoformat().replace("+00:00", zone)


schemathesis.openapi.format("date", st.builds(_date, _days))
schemathesis.openapi.format("date-time", st.builds(_instant, _days, st.integers(0, 95), _zones))


@schemathesis.check
def valid_requests_break_no_other_rule(ctx: Any, response: Any, case: Any) -> None:
    """Stands in for what `positive_data_acceptance` is told to let pass: 400, 410, 412 and 422."""
    if not _is_valid(case) or response.status_code not in {400, 410, 412, 422}:
        return
    if not _has_our_codes(response):
        return
    problem = response.json()
    if problem["code"] in RULES:
        return
    wrong = {error["code"] for error in problem.get("errors", [])}
    if not wrong or not wrong <= RULES_OF_FIELDS:
        raise AssertionError(f"A valid request was refused: {problem}")


@schemathesis.check
def codes_and_headers_are_described(ctx: Any, response: Any, case: Any) -> None:
    # Every path answers OPTIONS alike, which is said once and belongs to no call.
    if case.method.upper() == "OPTIONS":
        return
    answers = case.operation.definition.raw["responses"]
    described = answers.get(str(response.status_code))
    if described is None:
        return
    unknown = {name.lower() for name in response.headers} - TRANSPORT
    unknown -= {name.lower() for name in described["headers"]}
    if unknown:
        raise AssertionError(f"Headers that are not described: {sorted(unknown)}")
    if response.status_code >= 400 and _has_our_codes(response):
        code = response.json()["code"]
        if code not in described["content"][PROBLEM]["examples"]:
            raise AssertionError(f"A code that is not described here: {code}")


def _has_our_codes(response: Any) -> bool:
    """Tell whether an answer is a problem: the call for a token has the errors of RFC 6749."""
    return bool(response.headers["content-type"] == [PROBLEM])


def _is_valid(case: Any) -> bool:
    return bool(case.meta and case.meta.generation.mode.is_positive)
