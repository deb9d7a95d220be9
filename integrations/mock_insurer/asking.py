"""Asking DocPort on behalf of somebody at a page, who must hear of it when nobody answers."""

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeGuard

from integrations.mock_insurer.client import Answer, Unavailable


def asked(ask: Callable[[], Answer]) -> Answer | str:
    """Give DocPort's answer, or in words why there is none."""
    try:
        return ask()
    except Unavailable as error:
        return str(error)


def accepted(answer: Answer | str) -> TypeGuard[Answer]:
    """Tell whether DocPort did what was asked."""
    return isinstance(answer, Answer) and answer.accepted


def status_of(answer: Answer | str) -> int:
    """Give the status of the page that shows the answer."""
    return answer.status if isinstance(answer, Answer) else HTTPStatus.BAD_GATEWAY


def new_reference() -> str:
    """Make up a patient reference that says nothing of the patient."""
    return f"P-{uuid.uuid4().hex[:10].upper()}"
