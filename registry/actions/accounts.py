from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext
from guardian.shortcuts import assign_perm, get_user_perms, remove_perm

from registry import ledger
from registry.actions import versions
from registry.actions.refusals import Refused, constraint_of
from registry.models import Doctor, User

_EMAIL_CONSTRAINTS = {"users_email_key", "user_email_once"}
_DOCTOR_EMAIL_CONSTRAINTS = {"doctors_email_key", "doctor_email_once"}


class AlreadyHasAccount(Refused):
    """The email belongs to somebody else's account or record."""

    def __init__(self) -> None:
        super().__init__(
            gettext("This email already has an account of another kind. Use another email.")
        )


class EmailTaken(Refused):
    """The new email belongs to somebody else's account or record."""

    def __init__(self, email: str) -> None:
        super().__init__(
            gettext(
                "Your address was not changed: %(email)s belongs to another account. "
                "Use another one."
            )
            % {"email": email}
        )


@transaction.atomic(durable=True)
def sign_up(*, user: User, email: str, password: str, sandbox: bool, at: datetime) -> User:
    """Add a doctor's account with an empty profile.

    Args:
        user: an unsaved user, filled and saved here.
        sandbox: whether the doctor is synthetic, as every doctor of a sandbox is.
        at: aware instant of the sign-up.

    Raises:
        AlreadyHasAccount: nothing was changed.
    """
    user.set_password(password)
    try:
        doctor = Doctor.objects.create(email=email.lower(), is_sandbox=sandbox)
        user.email, user.role, user.doctor = email.lower(), User.Role.DOCTOR, doctor
        user.save()
    except IntegrityError as error:
        if constraint_of(error) in _EMAIL_CONSTRAINTS | _DOCTOR_EMAIL_CONSTRAINTS:
            raise AlreadyHasAccount from error
        raise
    versions.keep(doctor, by=user, at=at)
    ledger.record("doctor.signed_up", subject=doctor, by=user, at=at)
    return user


@transaction.atomic(durable=True)
def change_email(*, user: User, email: str, at: datetime) -> User:
    """Change the email somebody signs in with; same again does nothing.

    A doctor's record follows, and insurers who may see the doctor are told.

    Args:
        email: proved to be theirs.

    Raises:
        EmailTaken: nothing was changed.
    """
    doctor = versions.lock(user.doctor) if user.doctor and user.role == User.Role.DOCTOR else None
    standing = User.objects.select_for_update().get(pk=user.pk)
    try:
        if standing.email != email:
            standing.email = email
            standing.save(update_fields=["email"])
            ledger.record("user.email_changed", subject=standing, by=standing, at=at)
        if doctor is not None and doctor.email != email:
            _change_doctors_email(doctor, email, by=standing, at=at)
    except IntegrityError as error:
        if constraint_of(error) in _EMAIL_CONSTRAINTS | _DOCTOR_EMAIL_CONSTRAINTS:
            raise EmailTaken(email) from error
        raise
    return standing


def _change_doctors_email(doctor: Doctor, email: str, *, by: User, at: datetime) -> None:
    doctor.email = email
    versions.stamp(doctor, by=by, at=at, fields=["email"])
    ledger.record(
        "doctor.updated", subject=doctor, by=by, at=at, changed=["email"], check_again=False
    )
    versions.tell("doctor.updated", doctor, at=at)


@transaction.atomic(durable=True)
def set_theme(*, user: User, theme: str, at: datetime) -> User:
    """Keep how a person likes their pages, light, dark or as the device; same again does nothing.

    Args:
        theme: one of `User.Theme`.
    """
    standing = User.objects.select_for_update().get(pk=user.pk)
    if standing.theme != theme:
        standing.theme = User.Theme(theme)
        standing.save(update_fields=["theme"])
        ledger.record("user.theme_set", subject=standing, by=user, at=at, theme=theme)
    return standing


@transaction.atomic(durable=True)
def set_language(*, user: User, language: str, at: datetime) -> User:
    """Keep the language of a person's pages and mails; same again does nothing.

    Args:
        language: one of `User.UiLanguage`.
    """
    standing = User.objects.select_for_update().get(pk=user.pk)
    if standing.language != language:
        standing.language = User.UiLanguage(language)
        standing.save(update_fields=["language"])
        ledger.record("user.language_set", subject=standing, by=user, at=at, language=language)
    return standing


@transaction.atomic(durable=True)
def record_second_step(*, user: User, change: str, at: datetime) -> None:
    """Write down what somebody changed in their two-step sign-in; the library made the change.

    Args:
        change: such as `user.second_step_turned_on`.
    """
    ledger.record(change, subject=user, by=user, at=at)


@transaction.atomic(durable=True)
def delegate(
    *,
    doctor: Doctor,
    email: str,
    permissions: Collection[str],
    phone: str = "",
    by: User,
    at: datetime,
) -> User:
    """Give a receptionist exactly these rights on one doctor, with an account if they lack one.

    A new account has no password: its owner sets one through "forgot password", which also
    proves that the email is theirs.

    Args:
        permissions: among `manage_schedule` and `manage_appointments`; none takes all away.
        phone: where the receptionist is called, in E.164; empty keeps the number there is, which
            goes with the last right.

    Raises:
        AlreadyHasAccount: nothing was changed.
    """
    standing = versions.lock(doctor)
    receptionist = _receptionist(standing, email.strip().lower())
    held = set(get_user_perms(receptionist, standing))
    wanted = set(permissions)
    for permission in wanted - held:
        assign_perm(permission, receptionist, standing)
    for permission in held - wanted:
        remove_perm(permission, receptionist, standing)
    if _keep_phone(receptionist, phone, has_rights=bool(wanted)) or wanted != held:
        ledger.record(
            "doctor.delegated",
            subject=standing,
            by=by,
            at=at,
            receptionist_id=str(receptionist.pk),
            permissions=sorted(wanted),
        )
    return receptionist


def _keep_phone(receptionist: User, phone: str, *, has_rights: bool) -> bool:
    """Keep a receptionist's number while they have rights; tell whether it is another now."""
    wanted = (phone or receptionist.phone) if has_rights else None
    if wanted == receptionist.phone:
        return False
    receptionist.phone = wanted
    receptionist.save(update_fields=["phone"])
    return True


def _receptionist(doctor: Doctor, email: str) -> User:
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        if known.role != User.Role.DELEGATE or known.doctor_id != doctor.pk:
            raise AlreadyHasAccount
        return known
    receptionist = User(email=email, role=User.Role.DELEGATE, doctor=doctor)
    receptionist.set_unusable_password()
    try:
        receptionist.save()
    except IntegrityError as error:
        if constraint_of(error) in _EMAIL_CONSTRAINTS:
            raise AlreadyHasAccount from error
        raise
    return receptionist
