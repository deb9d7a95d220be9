"""Weekly hours, what differs from them, how a doctor may be booked, who is, and what is open."""

from scheduling.models.appointments import (
    Appointment,
    AppointmentCancelReason,
    AppointmentQuerySet,
    AppointmentStatus,
)
from scheduling.models.exceptions import (
    AvailabilityException,
    AvailabilityExceptionKind,
    AvailabilityExceptionQuerySet,
)
from scheduling.models.openings import OpenDay, OpenDayHead
from scheduling.models.rules import BookingRules
from scheduling.models.terms import Mode
from scheduling.models.weekly import Availability, AvailabilityQuerySet, DayOfWeek

__all__ = [
    "Appointment",
    "AppointmentCancelReason",
    "AppointmentQuerySet",
    "AppointmentStatus",
    "Availability",
    "AvailabilityException",
    "AvailabilityExceptionKind",
    "AvailabilityExceptionQuerySet",
    "AvailabilityQuerySet",
    "BookingRules",
    "DayOfWeek",
    "Mode",
    "OpenDay",
    "OpenDayHead",
]
