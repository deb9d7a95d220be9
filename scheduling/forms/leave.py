from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.actions import Refused
from registry.models import Doctor, DoctorLocation
from scheduling import wording
from scheduling.actions import LONGEST_REASON, DoesNotFit, PeriodRefused, VisitTerms
from scheduling.forms.terms import TERMS, TermsForm
from scheduling.forms.times import WallTimeField
from scheduling.models import AvailabilityException
from scheduling.slots import YEARS

ALL_PLACES = "all"
_DAY = timedelta(days=1)
_MIDNIGHT = time(0)
_MOMENT = timedelta(microseconds=1)


class DayField(forms.DateField):
    """A date of our time, as the browser's own control gives it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(widget=widget, **options)

    def to_python(self, value: Any) -> date | None:
        day = super().to_python(value)
        if day and day.year not in YEARS:
            raise ValidationError(gettext("It can be within two years from today."), code="far")
        return day


class ExceptionForm(forms.Form):
    """A period at one of the doctor's places; with a single place nobody is asked which.

    Once it is valid, `starts_at` and `ends_at` are its instants and `location` is its place.
    """

    # Which field shows what is wrong with either end of the period.
    shown_at: ClassVar[dict[str, str]]
    needs_place: ClassVar[bool] = False

    starts_at: datetime
    ends_at: datetime

    def __init__(
        self, *args: Any, doctor: Doctor, places: Sequence[DoctorLocation], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.doctor, self.places = doctor, {str(place.pk): place for place in places}
        all_places = [] if self.needs_place else [(ALL_PLACES, gettext("All my places"))]
        if len(places) > 1:
            self.fields["place"] = forms.ChoiceField(
                label=gettext("Where"),
                choices=[*all_places, *((key, place.name) for key, place in self.places.items())],
                error_messages={"invalid_choice": gettext("Choose one of your places.")},
            )

    @property
    def location(self) -> DoctorLocation | None:
        """Give the place that was chosen; `None` stands for all."""
        asked = self.cleaned_data if "place" in self.fields else self.initial
        chosen = self.places.get(asked.get("place", ""))
        if chosen is None and self.needs_place:
            return next(iter(self.places.values()))
        return chosen

    @property
    def given(self) -> dict[str, Any]:
        """Give what was typed as the actions take it, once it is valid."""
        return {"starts_at": self.starts_at, "ends_at": self.ends_at, "location": self.location}

    @property
    def zone(self) -> ZoneInfo:
        """Give the zone in which the times are meant."""
        return ZoneInfo((self.location or self.doctor).timezone)

    @property
    def words(self) -> str:
        """Say which period was understood."""
        return wording.span(
            self.starts_at.astimezone(self.zone),
            self.ends_at.astimezone(self.zone),
            year=self.starts_at.astimezone(self.zone).year,
        )

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors:
            try:
                self.starts_at, self.ends_at = self.read_period()
            except ValidationError as error:
                self.add_error(self.shown_at["ends_at"], error)
        return self.cleaned_data

    def read_period(self) -> tuple[datetime, datetime]:
        """Give the period that valid fields mean; it may still raise `ValidationError`."""
        raise NotImplementedError

    def instant(self, day: date, wall: time) -> datetime:
        """Give the instant of a wall time.

        Raises:
            ValidationError: the clocks are put forward over it.
        """
        at = datetime.combine(day, wall, tzinfo=self.zone)
        if at.astimezone(UTC).astimezone(self.zone).time() != wall:
            raise ValidationError(
                gettext("%(clock)s does not exist on %(full_date)s: the clocks change then.")
                % {"clock": wording.clock(wall), "full_date": wording.full_date(day)}
            )
        return at

    def show(self, refusal: Refused) -> None:
        """Put what the action found beside the field it is about."""
        if isinstance(refusal, PeriodRefused):
            self.add_error(self.shown_at[refusal.field], str(refusal))
        elif isinstance(refusal, DoesNotFit):
            self.add_error("ends", str(refusal))
        else:
            self.add_error(None, str(refusal))


class LeaveForm(ExceptionForm):
    """Leave: whole days unless times are given; one date is enough."""

    shown_at = {"starts_at": "first", "ends_at": "last"}

    first = DayField(label=_("First day"))
    last = DayField(label=_("Last day"), required=False, help_text=_("Leave it empty for one day."))
    starts = WallTimeField(label=_("From"), required=False)
    ends = WallTimeField(label=_("To"), required=False)
    reason = forms.CharField(
        label=_("Private note"),
        help_text=_("Only you and your receptionists can read it. Insurers never do."),
        max_length=LONGEST_REASON,
        required=False,
    )
    field_order = ["first", "last", "starts", "ends", "place", "reason"]

    @property
    def given(self) -> dict[str, Any]:
        return super().given | {"reason": self.cleaned_data["reason"]}

    @property
    def is_part_of_a_day(self) -> bool:
        """Tell whether times are given, so that the page shows them."""
        return any(self[name].value() or self[name].errors for name in ("starts", "ends"))

    def read_period(self) -> tuple[datetime, datetime]:
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        starts = self.cleaned_data["starts"] or _MIDNIGHT
        ends = self.cleaned_data["ends"] or _MIDNIGHT
        if last and last < first:
            raise ValidationError(gettext("The last day cannot be before the first day."))
        # Midnight is the end of a day, and an end before the start is on the next day.
        goes_on = ends == _MIDNIGHT or (last is None and ends <= starts)
        starts_at = self.instant(first, starts)
        ends_at = self.instant((last or first) + goes_on * _DAY, ends)
        if ends_at <= starts_at:
            raise ValidationError(gettext("The end must be after the start."))
        return starts_at, ends_at

    @staticmethod
    def values_of(leave: AvailabilityException, zone: ZoneInfo) -> dict[str, Any]:
        """Give leave as it would be typed."""
        starts, ends = (at.astimezone(zone) for at in (leave.starts_at, leave.ends_at))
        last = (ends - _MOMENT).date()
        is_night = last == starts.date() + _DAY and _MIDNIGHT < ends.time() <= starts.time()
        return {
            "first": starts.date(),
            "last": None if is_night or last == starts.date() else last,
            "starts": f"{starts:%H:%M}" if starts.time() != _MIDNIGHT else "",
            "ends": f"{ends:%H:%M}" if ends.time() != _MIDNIGHT else "",
            "place": str(leave.location_id or ALL_PLACES),
            "reason": leave.reason,
        }


class ExtraHoursForm(ExceptionForm, TermsForm):
    """Extra hours on one date; an end before the start is on the next day."""

    shown_at = {"starts_at": "date", "ends_at": "ends"}
    needs_place = True

    date = DayField(label=_("Date"))
    starts = WallTimeField(
        label=_("From"), error_messages={"required": _("Enter when it starts, such as 9am.")}
    )
    ends = WallTimeField(
        label=_("To"), error_messages={"required": _("Enter when it ends, such as 1pm.")}
    )
    field_order = ["date", "starts", "ends", "place", *TERMS]

    @property
    def given(self) -> dict[str, Any]:
        terms = VisitTerms(**{name: self.cleaned_data[name] for name in TERMS})
        return super().given | {"terms": terms}

    @property
    def terms_fields(self) -> list[forms.BoundField]:
        """List the fields that say so."""
        return [self[name] for name in TERMS]

    def read_period(self) -> tuple[datetime, datetime]:
        day, starts, ends = (self.cleaned_data[name] for name in ("date", "starts", "ends"))
        if starts == ends:
            raise ValidationError(gettext("The end must differ from the start."))
        return self.instant(day, starts), self.instant(day + (ends < starts) * _DAY, ends)

    @staticmethod
    def values_of(extra: AvailabilityException, zone: ZoneInfo) -> dict[str, Any]:
        """Give extra hours as they would be typed."""
        starts, ends = (at.astimezone(zone) for at in (extra.starts_at, extra.ends_at))
        return {
            "date": starts.date(),
            "starts": f"{starts:%H:%M}",
            "ends": f"{ends:%H:%M}",
            "place": str(extra.location_id),
            **{name: getattr(extra, name) for name in TERMS},
        }
