from datetime import date

from django.urls import path, register_converter

from scheduling.views import (
    appointments,
    calendar,
    holidays,
    hours,
    leave,
    moving,
    rules,
    why,
    withdrawal,
)


class DateConverter:
    """A date in a path, such as `2026-11-24`; what is no date matches nothing."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:
        return value.isoformat()


register_converter(DateConverter, "date")

app_name = "scheduling"
urlpatterns = [
    path("hours/", hours.hours, name="hours"),
    path("hours/rules/", rules.booking_rules, name="booking_rules"),
    path("leave/", leave.leave_list, name="leave_list"),
    path("leave/add/", leave.leave_add, name="leave_add"),
    path("leave/extra/", leave.extra_add, name="extra_add"),
    path("leave/today/", leave.leave_today, name="leave_today"),
    path("leave/holidays/", holidays.holidays_list, name="holidays"),
    path("leave/<uuid:exception_id>/", leave.exception_edit, name="exception_edit"),
    path("leave/<uuid:exception_id>/remove/", leave.exception_remove, name="exception_remove"),
    path("calendar/", calendar.week, name="week"),
    path("calendar/<date:day>/", calendar.day, name="day"),
    path("calendar/<date:day>/why/", why.why, name="why"),
    path("appointments/<uuid:appointment_id>/", appointments.appointment, name="appointment"),
    path(
        "appointments/<uuid:appointment_id>/cancel/",
        appointments.appointment_cancel,
        name="appointment_cancel",
    ),
    path(
        "appointments/<uuid:appointment_id>/move/",
        moving.appointment_move,
        name="appointment_move",
    ),
    path(
        "appointments/<uuid:appointment_id>/mark/",
        appointments.appointment_mark,
        name="appointment_mark",
    ),
    path(
        "appointments/<uuid:appointment_id>/undo/",
        appointments.appointment_undo,
        name="appointment_undo",
    ),
    path("insurers/<slug:slug>/withdraw/", withdrawal.withdraw, name="withdraw"),
]
