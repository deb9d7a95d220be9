"""The last two months of the demo doctors, lived through the actions that pages and API call."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import consent.actions
from consent.models import Consent, DataClass
from docport.demo.certificates import certificate
from docport.demo.population import PlannedDoctor, PlannedPlace
from registry import actions
from registry.models import Doctor, DoctorCredential, DoctorLocation, InsuranceProvider, User
from scheduling import diary
from scheduling.actions import HoursWindow, SlotRefused, book, set_weekly_hours, take_leave
from scheduling.models import Appointment, Availability, AvailabilityException

INDIA = ZoneInfo("Asia/Kolkata")
JOINED, CHECKED, OPTED_IN = (timedelta(days=days) for days in (60, 45, 40))
ASKED = timedelta(days=2)
# Days from today on which an insurer booked a visit, and how long before.
VISITS = (-20, -9, -2, 1, 2, 5)
BOOKED_BEFORE = timedelta(days=6)
LEAVE_LASTS = timedelta(days=2)


def live(plan: PlannedDoctor, *, password: Callable[[], str], admin: User, at: datetime) -> Doctor:
    """Let a planned doctor join, be checked and set hours; what is done already is left alone.

    Args:
        password: makes one up, for who has no account yet.
        at: aware instant of today; everything lies before it.
    """
    joined = at - JOINED
    user = User.objects.filter(email=plan.email).select_related("doctor").first()
    if user is None:
        user = actions.sign_up(
            user=User(), email=plan.email, password=password(), sandbox=True, at=joined
        )
    assert user.doctor is not None
    doctor = Doctor.objects.get(pk=user.doctor.pk)
    if not doctor.full_name:
        actions.update_profile(doctor=doctor, changes=_profile(plan), by=user, at=joined)
    if plan.finished:
        _finish(plan, doctor, user, joined)
    if plan.checked:
        _check(doctor, admin, at - CHECKED)
        _open(plan, doctor, user, at)
    return Doctor.objects.get(pk=doctor.pk)


def opt_in(
    plan: PlannedDoctor, doctor: Doctor, insurers: Iterable[InsuranceProvider], *, at: datetime
) -> None:
    """Let a doctor opt in to the planned insurers that were not chosen yet."""
    user = User.objects.get(doctor=doctor, role=User.Role.DOCTOR)
    for insurer in insurers:
        known = Consent.objects.filter(doctor=doctor, insurance_provider=insurer).exists()
        if insurer.slug in plan.insurers and not known:
            consent.actions.give(
                doctor=doctor,
                provider=insurer,
                data_classes=DataClass.values,
                expires_at=None,
                language="en",
                by=user,
                at=at - OPTED_IN,
            )


def be_asked(plan: PlannedDoctor, insurers: Iterable[InsuranceProvider], *, at: datetime) -> None:
    """Let an insurer that a verified doctor did not choose ask for consent."""
    doctor = Doctor.objects.active().filter(email=plan.email).first()
    others = [insurer for insurer in insurers if insurer.slug not in plan.insurers]
    if doctor is None or doctor.registration_number is None or not others:
        return
    consent.actions.ask(
        provider=others[0],
        registration_number=doctor.registration_number,
        data_classes=[DataClass.PROFILE, DataClass.AVAILABILITY, DataClass.APPOINTMENTS],
        message="Our members near you look for a doctor. We would like to show them your times.",
        at=at - ASKED,
    )


def fill(doctor: Doctor, insurers: Sequence[InsuranceProvider], *, at: datetime) -> int:
    """Let the insurers that see a doctor book a few visits, past and to come; tell how many."""
    if Appointment.objects.filter(doctor=doctor).exists():
        return 0
    booked = 0
    for number, days in enumerate(VISITS):
        insurer = insurers[number % len(insurers)]
        booked += _visit(doctor, insurer, at + timedelta(days=days), number, at)
    return booked


def _profile(plan: PlannedDoctor) -> dict[str, object]:
    return {
        "full_name": plan.full_name,
        "phone": plan.phone,
        "registration_council": plan.registration_council,
        "registration_number": plan.registration_number,
        "specialization": plan.practice.specialization,
        "languages": list(plan.languages),
        "years_of_experience": plan.years_of_experience,
        "fee": f"{plan.fee}.00",
    }


def _finish(plan: PlannedDoctor, doctor: Doctor, user: User, at: datetime) -> None:
    if doctor.status != Doctor.Status.DRAFT:
        return
    known = set(DoctorLocation.objects.filter(doctor=doctor).values_list("name", flat=True))
    for place in plan.places:
        if place.name not in known:
            actions.add_place(doctor=doctor, values=_place(place), by=user, at=at)
    if not DoctorCredential.objects.filter(doctor=doctor).exists():
        content = certificate(
            "SYNTHETIC CERTIFICATE",
            "Made for a demo of DocPort. It certifies nothing.",
            f"Dr {plan.full_name}",
            f"{plan.practice.degree}, {plan.graduated}",
            plan.institution,
        )
        actions.add_credential(
            doctor=doctor,
            kind=DoctorCredential.Kind.DEGREE,
            degree=plan.practice.degree,
            institution=plan.institution,
            year=plan.graduated,
            content=content,
            file_name="certificate.pdf",
            by=user,
            at=at,
        )
    actions.submit(doctor=doctor, by=user, at=at)


def _place(place: PlannedPlace) -> dict[str, str]:
    return {
        "name": place.name,
        "address": place.address,
        "city": place.city,
        "state": place.state,
        "pin": place.pin,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def _check(doctor: Doctor, admin: User, at: datetime) -> None:
    for credential in DoctorCredential.objects.filter(
        doctor=doctor, status=DoctorCredential.Status.IN_REVIEW
    ):
        actions.verify_credential(credential=credential, by=admin, at=at)
    if Doctor.objects.get(pk=doctor.pk).status == Doctor.Status.SUBMITTED:
        actions.activate(doctor=doctor, by=admin, at=at)


def _open(plan: PlannedDoctor, doctor: Doctor, user: User, at: datetime) -> None:
    opened = at - CHECKED
    for place in plan.places:
        location = DoctorLocation.objects.get(doctor=doctor, name=place.name)
        if not Availability.objects.filter(location=location).exists():
            set_weekly_hours(
                doctor=doctor,
                location=location,
                windows=_windows(plan, place),
                effective_from=opened.astimezone(INDIA).date(),
                by=user,
                at=opened,
            )
    tables = (AvailabilityException, Appointment)
    is_lived_in = any(table.objects.filter(doctor=doctor).exists() for table in tables)
    if plan.leave_in_days is not None and not is_lived_in:
        today = datetime.combine(at.astimezone(INDIA).date(), time(0), tzinfo=INDIA)
        starts_at = today + timedelta(days=plan.leave_in_days)
        take_leave(
            doctor=doctor,
            starts_at=starts_at,
            ends_at=starts_at + LEAVE_LASTS,
            location=None,
            reason="Conference",
            decisions={},
            by=user,
            at=at,
        )


def _windows(plan: PlannedDoctor, place: PlannedPlace) -> list[HoursWindow]:
    return [
        HoursWindow(
            day, period.start, period.end, plan.slot_minutes, plan.capacity,
        )
        for period in place.periods
        for day in period.days
    ]  # fmt: skip


def _visit(
    doctor: Doctor, insurer: InsuranceProvider, day: datetime, number: int, at: datetime
) -> bool:
    midnight = datetime.combine(day.astimezone(INDIA).date(), time(0), tzinfo=INDIA)
    booked_at = min(at, midnight - BOOKED_BEFORE)
    free = diary.free_slots(
        doctor=doctor, starts_at=midnight, ends_at=midnight + timedelta(days=1), at=booked_at
    )
    if not free:
        return False
    try:
        book(
            provider=insurer,
            doctor=doctor,
            start=free[(3 * number) % len(free)].starts_at,
            location=None,
            external_appointment_id=f"DEMO-{uuid.uuid4().hex[:10].upper()}",
            patient_reference=f"P-{uuid.uuid4().hex[:10].upper()}",
            mode=None,
            visit_type="consultation",
            at=booked_at,
        )
    except SlotRefused:
        # A doctor with two places may have the same time twice; the demo does without.
        return False
    return True
