"""What doctors and receptionists type about hours and appointments."""

from scheduling.forms.appointments import CancelForm, MoveForm
from scheduling.forms.hours import HoursForm, is_editing
from scheduling.forms.questions import QuestionForm
from scheduling.forms.times import WallTimeField, read_time

__all__ = [
    "CancelForm",
    "HoursForm",
    "MoveForm",
    "QuestionForm",
    "WallTimeField",
    "is_editing",
    "read_time",
]
