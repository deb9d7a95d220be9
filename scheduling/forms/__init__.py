"""What doctors and receptionists type about hours and appointments."""

from scheduling.forms.appointments import CancelForm, MoveForm
from scheduling.forms.decisions import DecisionsForm, carried, wants_back
from scheduling.forms.holidays import HolidaysForm
from scheduling.forms.hours import HoursForm, is_editing
from scheduling.forms.leave import ExceptionForm, ExtraHoursForm, LeaveForm
from scheduling.forms.questions import QuestionForm
from scheduling.forms.rules import RulesForm
from scheduling.forms.terms import usual_terms
from scheduling.forms.times import WallTimeField, read_time

__all__ = [
    "CancelForm",
    "DecisionsForm",
    "ExceptionForm",
    "ExtraHoursForm",
    "HolidaysForm",
    "HoursForm",
    "LeaveForm",
    "MoveForm",
    "QuestionForm",
    "RulesForm",
    "WallTimeField",
    "carried",
    "is_editing",
    "read_time",
    "usual_terms",
    "wants_back",
]
