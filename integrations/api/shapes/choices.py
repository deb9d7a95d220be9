"""Codes and what each means, as the documentation says it."""

from integrations.api.oauth import ERRORS
from integrations.api.problems import CODES
from integrations.models import CHALLENGE, HEARTBEAT, PING
from scheduling.models import AppointmentStatus, DayOfWeek
from scheduling.slots import Reason

_STATUS_MEANINGS = {
    AppointmentStatus.BOOKED: "To come",
    AppointmentStatus.ARRIVED: "The patient has come",
    AppointmentStatus.COMPLETED: "The visit is over",
    AppointmentStatus.NO_SHOW: "The patient did not come",
    AppointmentStatus.CANCELLED: "Cancelled by you or by the doctor; the time is free again",
}
BOOKED = [(status.value, meaning) for status, meaning in _STATUS_MEANINGS.items()]
_REASON_MEANINGS = {
    Reason.OUTSIDE_HOURS: "Neither weekly nor extra hours hold this time",
    Reason.BETWEEN_SLOTS: "The doctor works then, but no slot starts then",
    Reason.ON_LEAVE: "The doctor is on leave",
    Reason.PLACE_CLOSED: "The place is not in use any more",
    Reason.WRONG_MODE: "The slot is for the other mode",
    Reason.TAKEN: "Every place of the slot is taken or held",
    Reason.TOO_SOON: "It is past, or sooner than the doctor lets anybody book",
    Reason.BEYOND_HORIZON: "It is further ahead than the doctor lets anybody book",
    Reason.DAY_FULL: "The doctor sees no more patients on that day",
    Reason.CREDENTIAL_EXPIRED: "The doctor's registration is out of date by then",
    Reason.NOT_CONSENTED: "The doctor shares no appointments with you",
}
REASONS = [(reason.value, _REASON_MEANINGS[reason]) for reason in Reason]
PROBLEM_CODES = [(code, meaning.title) for code, meaning in CODES.items()]
TOKEN_ERRORS = list(ERRORS.items())
CALLER_KINDS = [
    ("api_key", "An API key, which you send with each call"),
    ("oauth_client", "A client, which gets access tokens"),
]
KEY_MODES = [("test", "Synthetic doctors only"), ("live", "Real doctors")]
DAYS = [(day.name, day.label) for day in DayOfWeek]
EVENT_TYPES = [
    ("doctor.updated", "The profile, the places or the credentials changed"),
    ("doctor.withdrawn", "The doctor is not visible any more"),
    ("availability.updated", "Hours, leave or extra hours changed"),
    ("consent.granted", "The doctor opted in to you, for the first time or again"),
    ("consent.changed", "The doctor shares more or less than before, or until another day"),
    ("consent.revoked", "The consent has ended; erase what you hold by `data.erase_by`"),
    ("appointment.booked", "An appointment of yours was made"),
    ("appointment.rescheduled", "An appointment of yours was moved"),
    ("appointment.cancelled", "An appointment of yours was cancelled"),
    ("appointment.arrived", "The patient has come"),
    ("appointment.completed", "The visit is over"),
    ("appointment.no_show", "The patient did not come"),
]
# DocPort's own words to an endpoint, in no feed.
MESSAGE_TYPES = [
    (PING, "A test that you asked for"),
    (HEARTBEAT, "Every 15 minutes: how far your feed has come, in `data.head`"),
    (CHALLENGE, "Events are sent once you repeat `data.challenge` in your answer"),
]
ENDS = [
    ("consent_withdrawn", "The doctor opted out"),
    ("consent_expired", "The period that the doctor had chosen is over"),
]
_OF_DOCTOR = ["doctor_id", "href"]
_OF_CONSENT = [*_OF_DOCTOR, "data_classes"]
_OF_APPOINTMENT = [*_OF_DOCTOR, "appointment_id"]
_OF_SUBJECT = {
    "doctor": _OF_DOCTOR,
    "availability": _OF_DOCTOR,
    "consent": _OF_CONSENT,
    "appointment": _OF_APPOINTMENT,
}
# What `data` has in each event.
EVENT_DATA = {kind: _OF_SUBJECT[kind.partition(".")[0]] for kind, _ in EVENT_TYPES} | {
    "consent.revoked": [*_OF_CONSENT, "reason", "erase_by"]
}
MESSAGE_DATA = {PING: ["endpoint_id"], HEARTBEAT: ["endpoint_id", "head"], CHALLENGE: ["challenge"]}
# In the order in which one meets them.
TAGS = {
    "Account": "Who you are, what your key may do, and access tokens.",
    "Doctors": "Doctors who have opted in to you: profile, credentials and hours.",
    "Slots": "Free times, computed at the moment you ask.",
    "Holds": "A place kept for minutes, while you ask the patient.",
    "Appointments": "Book, read, move and cancel; only your own.",
    "Consents": "What doctors share with you, and how you ask them.",
    "Events": "Everything that changed for you, in one numbered feed.",
    "Webhooks": "Where we send events, and what became of each delivery.",
}
