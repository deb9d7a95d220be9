"""Every change to people, doctors and what they show of themselves."""

from datetime import datetime

from django.db import transaction

from registry import ledger
from registry.models import Doctor, User


@transaction.atomic(durable=True)
def sign_up(*, user: User, email: str, password: str, sandbox: bool, at: datetime) -> User:
    """Add a doctor's account with an empty profile.

    Args:
        user: an unsaved user, filled and saved here.
        sandbox: whether the doctor is synthetic, as every doctor of a sandbox is.
        at: aware instant of the sign-up.
    """
    doctor = Doctor.objects.create(email=email.lower(), is_sandbox=sandbox)
    user.email, user.role, user.doctor = email.lower(), User.Role.DOCTOR, doctor
    user.set_password(password)
    user.save()
    ledger.record("doctor.signed_up", subject=doctor, by=user, at=at)
    return user
