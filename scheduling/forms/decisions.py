"""Keep or cancel: what becomes of appointments that a change of hours leaves outside them."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.html import escape
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduling import wording
from scheduling.actions import Decision
from scheduling.forms.appointments import REASONS
from scheduling.models import Appointment

# Every field of the question begins with it; all others belong to what is to be saved.
PREFIX = "decision"
KEEP, CANCEL, EACH = "keep", "cancel", "each"
# A browser sends only so many fields; with more appointments, one reason serves them all.
MOST_WITH_OWN_WORDS = 40
_LIST = f"{PREFIX}-for"
_BACK = f"{PREFIX}-back"


def wants_back(data: QueryDict) -> bool:
    """Tell whether somebody wants to change what they typed, rather than to decide."""
    return _BACK in data


def carried(data: QueryDict) -> list[tuple[str, str]]:
    """List what was typed before the question, so that it is sent again with the answer."""
    return [
        (name, value)
        for name, values in data.lists()
        if name != "csrfmiddlewaretoken" and not name.startswith(PREFIX)
        for value in values
    ]


class ReasonForm(forms.Form):
    """Why appointments are cancelled, for those that say nothing else."""

    reason = forms.ChoiceField(label=_("Why"), choices=REASONS)
    note = forms.CharField(
        label=_("Note to the insurer"),
        help_text=_("Only you and this insurer can read it."),
        max_length=500,
        required=False,
    )


class AllForm(ReasonForm):
    """One answer for all of them; an answer of their own goes first."""

    what = forms.ChoiceField(
        label=_("All of them"),
        choices=[
            (EACH, _("Choose for each one")),
            (KEEP, _("Keep all")),
            (CANCEL, _("Cancel all")),
        ],
        widget=forms.RadioSelect,
    )
    field_order = ["what", "reason", "note"]


class DecisionForm(forms.Form):
    """What becomes of one appointment."""

    what = forms.ChoiceField(
        choices=[(KEEP, _("Keep it")), (CANCEL, _("Cancel it"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose whether to keep or to cancel it.")},
    )
    reason = forms.ChoiceField(
        label=_("Why"), choices=[("", _("As above")), *REASONS], required=False
    )
    note = forms.CharField(label=_("Note to the insurer"), max_length=500, required=False)

    def __init__(
        self, data: dict[str, str] | None, *, appointment: Appointment, is_new: bool
    ) -> None:
        self.appointment, self.is_new = appointment, is_new
        prefix = _prefix(str(appointment.pk))
        given = data and {f"{prefix}-{name}": value for name, value in data.items()}
        super().__init__(given, prefix=prefix)
        self.fields["what"].label = _when(appointment)
        # Django's own templates take help for HTML.
        self.fields["what"].help_text = escape(_which(appointment))

    @property
    def differs(self) -> bool:
        """Tell whether it has a reason or note of its own, so that the page shows them."""
        return any(self[name].value() or self[name].errors for name in ("reason", "note"))


class DecisionsForm:
    """The answers for all affected appointments: the form of many forms behind the page.

    Args:
        reason: for what is cancelled, unless another is chosen.
    """

    def __init__(self, data: QueryDict, *, reason: str) -> None:
        self.data, self.reason = data, reason
        self.asked = {pk for pk in map(_uuid, data.get(_LIST, "").split()) if pk}
        self.forms: list[DecisionForm] = []

    def taken(self) -> dict[UUID, Decision]:
        """Give what was decided; an appointment that nobody was asked about has no decision."""
        answers = {pk: self._answer(pk) for pk in self.asked}
        return {
            pk: Decision(
                cancel=one["what"] == CANCEL,
                reason=one["reason"] or self._of_all("reason") or self.reason,
                note=one["note"] or self._of_all("note"),
            )
            for pk, one in answers.items()
            if one["what"] in {KEEP, CANCEL}
        }

    def ask(self, appointments: Iterable[Appointment]) -> None:
        """Take what is to be decided now; answers given before stand beside each."""
        self.forms = [
            DecisionForm(
                self._answer(one.pk) if one.pk in self.asked else None,
                appointment=one,
                is_new=bool(self.asked) and one.pk not in self.asked,
            )
            for one in appointments
        ]
        words = {name: self._of_all(name) for name in ("reason", "note")}
        initial: dict[str, Any] = {**words, "reason": words["reason"] or self.reason, "what": EACH}
        # What was said of all stands at each by now, and does not reach those that came since.
        self.shared = (AllForm if self.are_several else ReasonForm)(initial=initial, prefix=PREFIX)

    @property
    def are_several(self) -> bool:
        """Tell whether more than one is asked about."""
        return len(self.forms) > 1

    @property
    def have_own_words(self) -> bool:
        """Tell whether each may have a reason and a note of its own."""
        return 1 < len(self.forms) <= MOST_WITH_OWN_WORDS

    @property
    def has_new(self) -> bool:
        """Tell whether some were booked while the others were decided on."""
        return any(form.is_new for form in self.forms)

    @property
    def list(self) -> str:
        """Give the ids of those that are asked about, as the page sends them back."""
        return " ".join(str(form.appointment.pk) for form in self.forms)

    def _answer(self, pk: UUID) -> dict[str, str]:
        own = {
            name: self.data.get(f"{_prefix(str(pk))}-{name}", "")
            for name in DecisionForm.base_fields
        }
        return own | {"what": own["what"] or self._of_all("what").replace(EACH, "")}

    def _of_all(self, name: str) -> str:
        return str(self.data.get(f"{PREFIX}-{name}", ""))


def _prefix(appointment_id: str) -> str:
    return f"{PREFIX}-{appointment_id}"


def _uuid(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


def _when(appointment: Appointment) -> str:
    starts = appointment.local_time
    ends = appointment.ends_at.astimezone(starts.tzinfo)
    hours = wording.from_to(wording.clock(starts), wording.clock(ends))
    return f"{wording.full_date(starts.date())}, {hours}"


def _which(appointment: Appointment) -> str:
    return gettext("%(place)s. %(insurer)s, its reference %(number)s.") % {
        "place": appointment.location.name,
        "insurer": appointment.insurance_provider.name,
        "number": appointment.external_appointment_id or gettext("none"),
    }
