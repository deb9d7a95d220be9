from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.timezone import now

from registry import actions
from registry.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types.
    """Let allauth sign doctors up through our action."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002  allauth's signature.
        return actions.sign_up(
            user=user,
            email=form.cleaned_data["email"],
            password=form.cleaned_data["password1"],
            sandbox=settings.SANDBOX,
            at=now(),
        )
