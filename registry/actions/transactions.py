"""Transactions that an action may share with its caller, and that outlive a deadlock."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import psycopg
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext

from registry.actions.refusals import Refused
from registry.statements import is_outdated, with_the_commit

_TRIES = 3
_SERIALIZATION_FAILURE, _DEADLOCK = "40001", "40P01"
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class TooBusy(Refused):
    """Others kept changing the same rows; nothing was done, and trying again can help."""

    def __init__(self) -> None:
        super().__init__(gettext("Others are changing the same just now. Please try again."))


def tried_again(change: Callable[[], _Result]) -> _Result:
    """Run a change in a durable transaction, and again after a deadlock.

    What it writes without waiting goes `with_the_commit`.

    Raises:
        TooBusy: it did not come through after a few tries.
    """
    for _ in range(_TRIES):
        try:
            with transaction.atomic(durable=True), with_the_commit():
                return change()
        except DatabaseError as error:
            if not _may_pass(error):
                raise
    raise TooBusy


def joining(action: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Let an action run in its caller's transaction, or else as `tried_again` does.

    In the caller's it has no savepoint. So it must refuse before it writes anything, or undo by
    itself what it wrote.
    """

    @wraps(action)
    def joined(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        if connection.in_atomic_block:
            return action(*args, **kwargs)
        return tried_again(lambda: action(*args, **kwargs))

    return joined


def lock_number(name: str) -> int:
    """Give the number by which the database knows an advisory lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _may_pass(error: DatabaseError) -> bool:
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return False
    # After a rollback the connection prepares its statements anew.
    return cause.sqlstate in {_SERIALIZATION_FAILURE, _DEADLOCK} or is_outdated(cause)
