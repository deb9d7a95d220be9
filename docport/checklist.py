"""What a doctor does once to be seen by insurers: seven tasks, each with its state in words."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from consent.models import Consent
from registry.models import Doctor, DoctorCredential, DoctorLocation
from scheduling.models import Availability

CredentialStatus = DoctorCredential.Status


class State(Enum):
    """How a task stands; the value is what the doctor reads, in English."""

    NOT_STARTED = gettext_noop("Not started")
    IN_PROGRESS = gettext_noop("In progress")
    BEING_CHECKED = gettext_noop("Being checked")
    DONE = gettext_noop("Done")
    NEEDS_CHANGE = gettext_noop("Needs a change")

    @property
    def words(self) -> str:
        """Say it in the language of the page."""
        return gettext(self.value)

    @property
    def tone(self) -> str:
        """Give the class of its tag."""
        return _TONES.get(self, "")


_TONES = {
    State.IN_PROGRESS: "tag-warn",
    State.BEING_CHECKED: "tag-warn",
    State.DONE: "tag-ok",
    State.NEEDS_CHANGE: "tag-bad",
}


@dataclass(frozen=True)
class Task:
    """One line of the list; `href` leads to where it is done."""

    title: str
    href: str
    state: State
    note: str = ""
    waits_for_us: bool = False

    @property
    def asks_for_something(self) -> bool:
        """Tell whether the doctor has something to do here."""
        return self.state is not State.DONE and not self.waits_for_us


@dataclass(frozen=True)
class Checklist:
    """The tasks in the order in which they are best done."""

    tasks: tuple[Task, ...]

    @property
    def done(self) -> int:
        return sum(task.state is State.DONE for task in self.tasks)

    @property
    def total(self) -> int:
        return len(self.tasks)

    @property
    def is_done(self) -> bool:
        return self.done == self.total

    @property
    def next_task(self) -> Task | None:
        """Give the first task that waits for the doctor, not for DocPort."""
        return next((task for task in self.tasks if task.asks_for_something), None)


@dataclass(frozen=True)
class Facts:
    """What the states follow from, as it stands in the database."""

    doctor: Doctor
    credentials: tuple[DoctorCredential, ...] = ()
    has_place: bool = False
    has_hours: bool = False
    is_visible: bool = False
    today: date = date.min


def checklist(facts: Facts) -> Checklist:
    """Say how each task stands."""
    before = (
        _details(facts.doctor),
        _registration(facts.doctor),
        Task(
            gettext("Place of work"), reverse("registry:place_add"), _yes_or_no(met=facts.has_place)
        ),
        _certificate(facts),
        Task(gettext("Weekly hours"), reverse("scheduling:hours"), _yes_or_no(met=facts.has_hours)),
    )
    return Checklist((*before, _sending(facts.doctor, before[:4]), _insurers(facts)))


def facts_of(doctor: Doctor, *, at: datetime) -> Facts:
    """Read what the checklist follows from: four queries."""
    today = at.astimezone(ZoneInfo(doctor.timezone)).date()
    unended = Q(valid_to=None) | Q(valid_to__gt=today)
    hours = Availability.objects.filter(unended, doctor=doctor, is_active=True)
    return Facts(
        doctor=doctor,
        credentials=tuple(DoctorCredential.objects.current().filter(doctor=doctor)),
        has_place=DoctorLocation.objects.filter(doctor=doctor, is_active=True).exists(),
        has_hours=hours.exists(),
        is_visible=Consent.objects.showing_at(at).filter(doctor=doctor).exists(),
        today=today,
    )


def _yes_or_no(*, met: bool) -> State:
    return State.DONE if met else State.NOT_STARTED


def _details(doctor: Doctor) -> Task:
    needed = (doctor.full_name, doctor.phone, doctor.specialization)
    begun = State.IN_PROGRESS if any(needed) else State.NOT_STARTED
    state = State.DONE if all(needed) else begun
    return Task(gettext("Your details"), reverse("registry:profile"), state)


def _registration(doctor: Doctor) -> Task:
    state = _yes_or_no(met=bool(doctor.registration_number))
    page = reverse("registry:profile_edit", args=["registration"])
    return Task(gettext("Council registration"), page, state)


def _certificate(facts: Facts) -> Task:
    state, note = _certificate_state(facts)
    page = "registry:credential_list" if facts.credentials else "registry:credential_add"
    waits = state in {State.IN_PROGRESS, State.BEING_CHECKED}
    return Task(gettext("Degree certificate"), reverse(page), state, note, waits)


def _certificate_state(facts: Facts) -> tuple[State, str]:
    by_status = {credential.status: credential for credential in reversed(facts.credentials)}
    if refused := by_status.get(CredentialStatus.NEEDS_CHANGE):
        return State.NEEDS_CHANGE, refused.reason
    if CredentialStatus.IN_REVIEW in by_status:
        return State.BEING_CHECKED, ""
    if any(_vouches(credential, facts.today) for credential in facts.credentials):
        return State.DONE, ""
    if CredentialStatus.UPLOADED in by_status:
        return State.IN_PROGRESS, gettext("It is checked once you send your profile.")
    if facts.credentials:
        return State.NEEDS_CHANGE, gettext("It has run out. Upload the one that is valid now.")
    return State.NOT_STARTED, ""


def _vouches(credential: DoctorCredential, today: date) -> bool:
    # The twin of `DoctorCredentialQuerySet.valid_on`, for rows in hand.
    return credential.verified and (
        credential.valid_until is None or credential.valid_until >= today
    )


def _sending(doctor: Doctor, before: tuple[Task, ...]) -> Task:
    title, page = gettext("Check your answers and send"), reverse("registry:submit")
    if doctor.status == Doctor.Status.ACTIVE:
        return Task(title, page, State.DONE)
    if doctor.status == Doctor.Status.SUBMITTED:
        note = gettext("We compare what you wrote with your certificate.")
        return Task(title, page, State.BEING_CHECKED, note, waits_for_us=True)
    if doctor.status == Doctor.Status.SUSPENDED:
        note = gettext("Your profile is suspended. No insurer can see you.")
        return Task(title, page, State.NEEDS_CHANGE, note, waits_for_us=True)
    lacking = [task.title.lower() for task in before if task.asks_for_something]
    if lacking:
        note = gettext("First: %(tasks)s.") % {"tasks": ", ".join(lacking)}
    else:
        note = gettext("Everything is there. Send it now.")
    return Task(title, page, State.NOT_STARTED, note)


def _insurers(facts: Facts) -> Task:
    is_active = facts.doctor.status == Doctor.Status.ACTIVE
    note = "" if is_active else gettext("You can choose once your profile is checked.")
    state = _yes_or_no(met=facts.is_visible)
    return Task(
        gettext("Choose insurers"),
        reverse("docport:insurers"),
        state,
        note,
        waits_for_us=not is_active,
    )
