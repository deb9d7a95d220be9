"""The account forms, with our words instead of the library's."""

from typing import Any

from allauth.account import forms
from allauth.mfa.base import forms as code_forms
from allauth.mfa.totp import forms as app_forms
from django.utils.translation import gettext_lazy as _

RULES = _("At least 10 characters, and not one that is easy to guess.")


class _OurWords:
    """Leave out placeholders, which repeat the label, and the long list of password rules."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # type: ignore[attr-defined]  # A form's own.
            field.widget.attrs.pop("placeholder", None)
        if first_password := self.fields.get("password1"):  # type: ignore[attr-defined]  # A form's own.
            first_password.help_text = RULES


class LoginForm(_OurWords, forms.LoginForm):  # type: ignore[misc]  # allauth has no types.
    pass


class SignupForm(_OurWords, forms.SignupForm):  # type: ignore[misc]  # allauth has no types.
    pass


class AddEmailForm(_OurWords, forms.AddEmailForm):  # type: ignore[misc]  # allauth has no types.
    pass


class ChangePasswordForm(_OurWords, forms.ChangePasswordForm):  # type: ignore[misc]  # allauth has no types.
    pass


class SetPasswordForm(_OurWords, forms.SetPasswordForm):  # type: ignore[misc]  # allauth has no types.
    pass


class ResetPasswordForm(_OurWords, forms.ResetPasswordForm):  # type: ignore[misc]  # allauth has no types.
    pass


class ResetPasswordKeyForm(_OurWords, forms.ResetPasswordKeyForm):  # type: ignore[misc]  # allauth has no types.
    pass


class ReauthenticateForm(_OurWords, forms.ReauthenticateForm):  # type: ignore[misc]  # allauth has no types.
    pass


class ActivateTOTPForm(_OurWords, app_forms.ActivateTOTPForm):  # type: ignore[misc]  # allauth has no types.
    pass


class AuthenticateForm(_OurWords, code_forms.AuthenticateForm):  # type: ignore[misc]  # allauth has no types.
    pass


class ReauthenticateByCodeForm(_OurWords, code_forms.ReauthenticateForm):  # type: ignore[misc]  # allauth has no types.
    pass
