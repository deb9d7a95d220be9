from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.timezone import now

from registry import actions
from registry.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types.
    """Let allauth sign doctors up through our action."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002  allauth's signature.
        email = form.cleaned_data["email"]
        try:
            return actions.sign_up(
                user=user,
                email=email,
                password=form.cleaned_data["password1"],
                sandbox=settings.SANDBOX,
                at=now(),
            )
        except actions.AlreadyHasAccount as refusal:
            # Somebody else was quicker, or a doctor's record has this email. Only the mail says so.
            self.send_account_already_exists_mail(email)
            answer = redirect("account_email_verification_sent")
            raise ImmediateHttpResponse(answer) from refusal
