from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.db import connection, transaction
from django.db.models import Exists

from consent.models import Consent, DataClass, visible_doctors
from registry import ledger
from registry.actions.refusals import Refused
from registry.models import Doctor, DoctorLocation, InsuranceProvider
from scheduling import diary
from scheduling.models import Appointment
from scheduling.slots import Reason, Slot

# Django can lock rows only for writers. These locks let other bookings pass and keep out who
# edits the doctor or withdraws the consent, so that what was checked holds until the commit.
_HOLD_DOCTOR = "SELECT 1 FROM doctors WHERE id = %s FOR SHARE"
_HOLD_CONSENT = (
    "SELECT 1 FROM doctor_insurance_consent "
    "WHERE doctor_id = %s AND insurance_provider_id = %s FOR SHARE"
)


class NotVisible(Refused):
    """For this insurer the doctor does not exist; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("There is no such doctor.")


class AppointmentsNotShared(NotVisible):
    """The doctor shares other data with this insurer, but takes no bookings from it."""


class ExternalIdUsed(Refused):
    """The insurer has used this appointment id before; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This external_appointment_id already belongs to an appointment.")


class TooManyBookings(Refused):
    """The insurer has as many open bookings with the doctor that day as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"You already have {limit} open bookings with this doctor that day.")


class SlotRefused(Refused):
    """The time cannot be booked; nothing was changed.

    Args:
        reasons: everything against it.
        next_free: the next few slots that could be booked instead.
    """

    def __init__(self, reasons: Iterable[Reason], next_free: list[Slot]) -> None:
        self.reasons, self.next_free = tuple(reasons), next_free
        super().__init__(f"This time cannot be booked: {', '.join(self.reasons)}.")


class SlotTaken(SlotRefused):
    """Somebody else has the time; nothing was changed."""


@transaction.atomic
def book(
    *,
    provider: InsuranceProvider,
    doctor: Doctor,
    start: datetime,
    location: DoctorLocation | None,
    external_appointment_id: str,
    patient_reference: str,
    mode: str | None,
    visit_type: str,
    at: datetime,
) -> Appointment:
    """Book a patient of an insurer into a free slot.

    The exclusion constraint decides a race, not a lock: each try inserts into one lane and the
    database lets one of them stand. Not durable, alone among actions: the insurers' API keeps
    its idempotent answer in the same transaction.

    Args:
        start: aware instant at which the slot starts.
        location: `None` takes the place that has the slot.
        mode: how they meet; `None` takes the slot's.
        at: aware instant of the request.

    Raises:
        NotVisible, AppointmentsNotShared: the doctor shares no appointments with the insurer.
        ExternalIdUsed: the insurer has an appointment of this id.
        SlotTaken, SlotRefused: with the reasons and the next free times.
        TooManyBookings: the insurer's limit for a doctor and day; a burst of simultaneous
            bookings may pass it by a few, since it is fairness and not a promise.
        slots.BadRange: `start` is naive or not of our time.
    """
    _keep_out_changes(doctor, provider)
    _check_consent(doctor, provider, at)
    if _has_used(provider, external_appointment_id):
        raise ExternalIdUsed
    slot = _free_slot(doctor, start, location, mode, at)
    _check_limit(provider, doctor, slot, at)
    appointment = Appointment(
        doctor=doctor,
        insurance_provider=provider,
        location_id=slot.location_id,
        external_appointment_id=external_appointment_id,
        patient_reference=patient_reference,
        visit_type=visit_type,
        appointment_time=slot.starts_at,
        ends_at=slot.ends_at,
        capacity=slot.capacity,
        mode=slot.mode,
        status=Appointment.Status.BOOKED,
        status_at=at,
    )
    if not _take_a_lane(appointment, slot, at):
        if _has_used(provider, external_appointment_id):
            raise ExternalIdUsed
        raise SlotTaken([Reason.TAKEN], _instead(doctor, start, location, mode, at))
    ledger.record("appointment.booked", subject=appointment, by=provider, at=at)
    ledger.publish(
        "appointment.booked",
        subject=appointment,
        version=appointment.version,
        at=at,
        doctor=doctor,
        provider=provider,
        doctor_id=str(doctor.pk),
        appointment_id=str(appointment.pk),
    )
    return appointment


def _keep_out_changes(doctor: Doctor, provider: InsuranceProvider) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_DOCTOR, [doctor.pk])
        cursor.execute(_HOLD_CONSENT, [doctor.pk, provider.pk])


def _check_consent(doctor: Doctor, provider: InsuranceProvider, at: datetime) -> None:
    consents = Consent.objects.active_at(at).filter(
        doctor=doctor,
        insurance_provider=provider,
        data_classes__contains=[DataClass.APPOINTMENTS],
    )
    seen = visible_doctors(provider, at=at).filter(pk=doctor.pk)
    shares = seen.values_list(Exists(consents), flat=True).first()
    if shares is None:
        raise NotVisible
    if not shares:
        raise AppointmentsNotShared


def _has_used(provider: InsuranceProvider, external_appointment_id: str) -> bool:
    return Appointment.objects.filter(
        insurance_provider=provider, external_appointment_id=external_appointment_id
    ).exists()


def _free_slot(
    doctor: Doctor,
    start: datetime,
    location: DoctorLocation | None,
    mode: str | None,
    at: datetime,
) -> Slot:
    slot, reasons = diary.slot_and_reasons(
        doctor=doctor, starts_at=start, at=at, location=location, mode=mode
    )
    if slot is None or reasons:
        refusal = SlotTaken if reasons == (Reason.TAKEN,) else SlotRefused
        raise refusal(reasons, _instead(doctor, start, location, mode, at))
    return slot


def _instead(
    doctor: Doctor,
    start: datetime,
    location: DoctorLocation | None,
    mode: str | None,
    at: datetime,
) -> list[Slot]:
    return diary.next_free(doctor=doctor, after=start, at=at, location=location, mode=mode)


def _check_limit(provider: InsuranceProvider, doctor: Doctor, slot: Slot, at: datetime) -> None:
    day_starts = datetime.combine(slot.local_date, time(0), tzinfo=slot.terms.zone)
    day_ends = datetime.combine(
        slot.local_date + timedelta(days=1), time(0), tzinfo=slot.terms.zone
    )
    open_bookings = (
        Appointment.objects.filter(doctor=doctor, insurance_provider=provider)
        .occupying_at(at)
        .filter(status__in=[Appointment.Status.HELD, Appointment.Status.BOOKED])
        .filter(appointment_time__gte=day_starts, appointment_time__lt=day_ends)
        .count()
    )
    if open_bookings >= provider.max_open_bookings_per_day:
        raise TooManyBookings(provider.max_open_bookings_per_day)


def _take_a_lane(appointment: Appointment, slot: Slot, at: datetime) -> bool:
    """Insert into the lowest lane that the database lets us have; tell whether there was one."""
    Appointment.objects.filter(
        doctor_id=appointment.doctor_id,
        status=Appointment.Status.HELD,
        hold_expires_at__lte=at,
    ).touching(slot.starts_at, slot.ends_at).delete()
    for lane in slot.free_lanes:
        appointment.lane, appointment.token_number = lane, slot.token(lane)
        # ON CONFLICT DO NOTHING: two plain inserts that meet in an exclusion constraint can
        # deadlock, and a failed one would abort the whole transaction.
        Appointment.objects.bulk_create([appointment], ignore_conflicts=True)
        if Appointment.objects.filter(pk=appointment.pk).exists():
            return True
    return False
