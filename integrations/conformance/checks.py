"""What a check is, and how its function says what came of it."""

from collections.abc import Callable
from dataclasses import dataclass

from integrations.conformance.sandbox import Heard, Sandbox


class Failed(Exception):
    """The insurer's system does not do what is expected; the message says what it does."""


class Skipped(Exception):
    """There is nothing to judge; the message says why."""


@dataclass(frozen=True)
class Check:
    """One thing that an insurer's system must do."""

    # Never renamed: reports and insurers' own notes refer to it.
    name: str
    expected: str
    fix: str
    # Gives what happened where all is well; raises Failed or Skipped.
    judge: Callable[[Sandbox], str]
    # The checks without whose success this one says nothing.
    needs: tuple[str, ...] = ()


def accepted(heard: Heard, what: str) -> str:
    """Say that a message was accepted.

    Raises:
        Failed: it was not.
    """
    if not heard.is_accepted:
        raise Failed(f"{what} was answered with {heard.outcome}.")
    return f"{what} was answered with {heard.outcome}."


def refused(heard: Heard, what: str) -> str:
    """Say that a message was refused for what it is.

    Raises:
        Failed: it was accepted, or met something else than a refusal.
    """
    if not heard.is_refused:
        raise Failed(f"{what} was answered with {heard.outcome}.")
    return f"{what} was answered with {heard.outcome}."
