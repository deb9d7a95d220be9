"""Go through the checks, one after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from integrations.conformance import push, webhooks
from integrations.conformance.checks import Check, Failed, Skipped
from integrations.conformance.sandbox import Sandbox

CHECKS: tuple[Check, ...] = (*webhooks.FIRST, *webhooks.CHECKS, *push.CHECKS, *webhooks.LAST)

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Result:
    """What came of one check; safe to show, since nothing of an answer's body is in it."""

    name: str
    outcome: Outcome
    expected: str
    happened: str
    fix: str


def run(sandbox: Sandbox) -> Iterator[Result]:
    """Give the result of each check as soon as it is there."""
    failed: set[str] = set()
    for check in CHECKS:
        result = _judged(check, sandbox, failed)
        if result.outcome == "failed":
            failed.add(check.name)
        yield result


def has_passed(results: Iterable[Result]) -> bool:
    """Tell whether nothing failed; what there was nothing to judge of does no harm."""
    return all(result.outcome != "failed" for result in results)


def _judged(check: Check, sandbox: Sandbox, failed: set[str]) -> Result:
    outcome, happened = _outcome(check, sandbox, failed)
    return Result(check.name, outcome, check.expected, happened, check.fix)


def _outcome(check: Check, sandbox: Sandbox, failed: set[str]) -> tuple[Outcome, str]:
    if check in push.CHECKS and not sandbox.api_base_url:
        return "skipped", "No address to push doctors to was given."
    if pointless := [name for name in check.needs if name in failed]:
        return "skipped", f"Not asked, because {pointless[0]} failed."
    try:
        return "passed", check.judge(sandbox)
    except Skipped as skipped:
        return "skipped", str(skipped)
    except Failed as failure:
        return "failed", str(failure)
