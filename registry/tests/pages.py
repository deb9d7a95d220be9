"""Pages as doctors and admins open them."""

from django.test import Client
from django.urls import reverse

from registry.models import Doctor, DoctorCredential, User
from registry.tests.factories import make_draft_doctor, make_user


def signed_in(client: Client, doctor: Doctor | None = None) -> User:
    """Sign a doctor in; without `doctor` one who has filled in nothing."""
    user = make_user(doctor=doctor or make_draft_doctor())
    client.force_login(user)
    return user


def page_of(doctor: Doctor) -> str:
    """Give the address of a doctor's page in the admin."""
    return reverse("admin:registry_doctor_change", args=[doctor.pk])


def decision(name: str, row: Doctor | DoctorCredential) -> str:
    """Give the address of a button in the admin, such as `doctor_activate`."""
    return reverse(f"admin:registry_{name}", args=[row.pk])
