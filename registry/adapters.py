"""What other packages are told to use in place of their own classes."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from django.utils.translation import get_language, override
from django.views.decorators.cache import never_cache

from registry import actions
from registry.http import client_ip
from registry.models import User


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

    def get_client_ip(self, request: HttpRequest) -> str:
        address = client_ip(request)
        if address is None:
            raise PermissionDenied
        return address


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
