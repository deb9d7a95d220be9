"""What other packages are told to use in place of their own classes."""

from http import HTTPStatus
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from registry import actions
from registry.encryption import CannotDecrypt
from registry.http import client_ip
from registry.models import User
from registry.second_step import open_seed, seal_seed

# Of which change each of the library's mails speaks; it is recorded before it is mailed.
_SECOND_STEP_CHANGES = {
    "mfa/email/totp_activated": "user.second_step_turned_on",
    "mfa/email/totp_deactivated": "user.second_step_turned_off",
    "mfa/email/recovery_codes_generated": "user.recovery_codes_renewed",
}

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types.
    """Let allauth sign doctors up and change addresses through our actions."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002  allauth's signature.
        email = form.cleaned_data["email"]
        user.language = get_language() or user.language
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

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        user = context.get("user")
        language = user.language if isinstance(user, User) else get_language()
        with override(language):
            super().send_mail(template_prefix, email, context)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        # Our commit comes first. Should the library's part be lost, its link still works and
        # finds the address already changed.
        if email_address.can_set_verified() and not self._email_changed(request, email_address):
            return False
        return bool(super().confirm_email(request, email_address))

    def _email_changed(self, request: HttpRequest, address: EmailAddress) -> bool:
        try:
            actions.change_email(user=address.user, email=address.email, at=now())
        except actions.EmailTaken as refusal:
            messages.error(request, str(refusal))
            return False
        return True

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        change = _SECOND_STEP_CHANGES.get(template_prefix)
        if change is not None:
            actions.record_second_step(user=user, change=change, at=now())
            email = email or user.email
        super().send_notification_mail(template_prefix, user, context=context, email=email)

    def get_client_ip(self, request: HttpRequest) -> str:
        address = client_ip(request)
        if address is None:
            raise PermissionDenied
        return address


class SecondStepAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types.
    """Seal the seeds of codes for the person whose they are, with our field keys."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "add_email_blocked": _(
            "Turn two-step sign-in off before you change your address, and on again afterwards."
        ),
        "incorrect_code": _("This code is not right, or was used before. Enter the newest one."),
        "unverified_email": _(
            "Confirm your email address first: open the link that we sent to you."
        ),
    }

    def encrypt(self, text: str) -> str:
        return seal_seed(text, of=_owner())

    def decrypt(self, encrypted_text: str) -> str:
        owner = _owner()
        try:
            return open_seed(encrypted_text, of=owner)
        except CannotDecrypt as error:
            log.error("seed_unreadable", user_id=str(owner.pk))
            page = render(
                context.request, "mfa/unreadable.html", status=HTTPStatus.SERVICE_UNAVAILABLE
            )
            raise ImmediateHttpResponse(page) from error


def _owner() -> User:
    """Give whose code is asked for now: of who is signing in, else of who is signed in."""
    stage = getattr(context.request, "_login_stage", None)
    owner = stage.login.user if stage else context.request.user
    if not isinstance(owner, User):
        raise PermissionDenied
    return owner


class AdminSite(admin.AdminSite):
    """Django admin behind DocPort's own sign-in; for people without the role it does not exist."""

    site_header = "DocPort admin"
    site_title = "DocPort admin"
    index_title = "Doctors, insurers and records"
    site_url = "/"

    @method_decorator(never_cache)
    @method_decorator(login_not_required)
    def login(  # type: ignore[override]  # A redirect instead of a page.
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        wanted = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        if not request.user.is_authenticated:
            return redirect_to_login(wanted, reverse("account_login"))
        if not self.has_permission(request):
            raise Http404
        return redirect("admin:index")

    def logout(  # type: ignore[override]  # A redirect instead of a page.
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        return redirect("account_logout")

    def password_change(  # type: ignore[override]  # A redirect instead of a page.
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        return redirect("account_change_password")
