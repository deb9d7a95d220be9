"""What doctors and receptionists type about hours and appointments."""

from scheduling.forms.appointments import CancelForm
from scheduling.forms.hours import HoursForm, is_editing
from scheduling.forms.times import WallTimeField, read_time

__all__ = ["CancelForm", "HoursForm", "WallTimeField", "is_editing", "read_time"]
