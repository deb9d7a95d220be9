from django.contrib import admin

from registry.admin import ReadOnlyAdmin
from scheduling.models import Appointment, Availability, AvailabilityException, BookingRules


@admin.register(Availability)
class AvailabilityAdmin(ReadOnlyAdmin):
    list_display = ["doctor", "__str__", "location", "valid_from", "valid_to", "is_active"]
    list_filter = ["day_of_week", "mode", "is_active"]
    list_select_related = ["doctor", "location"]
    search_fields = ["doctor__full_name", "doctor__email", "doctor__registration_number"]


@admin.register(AvailabilityException)
class AvailabilityExceptionAdmin(ReadOnlyAdmin):
    list_display = ["doctor", "kind", "starts_at", "ends_at", "location"]
    list_filter = ["kind"]
    list_select_related = ["doctor", "location"]
    search_fields = ["doctor__full_name", "doctor__email", "doctor__registration_number"]
    # The reason for a leave is the doctor's own.
    exclude = ["reason"]


@admin.register(BookingRules)
class BookingRulesAdmin(ReadOnlyAdmin):
    list_display = ["doctor", "lead_time_minutes", "horizon_days", "most_per_day"]
    list_select_related = ["doctor"]
    search_fields = ["doctor__full_name", "doctor__email", "doctor__registration_number"]


@admin.register(Appointment)
class AppointmentAdmin(ReadOnlyAdmin):
    list_display = [
        "doctor",
        "insurance_provider",
        "appointment_time",
        "token_number",
        "status",
        "location",
    ]
    list_filter = ["status", "insurance_provider", "mode"]
    list_select_related = ["doctor", "insurance_provider", "location"]
    search_fields = ["doctor__full_name", "doctor__email", "external_appointment_id"]
    date_hierarchy = "appointment_time"
    # Who the patient is, only the doctor and the insurer see; so too what they tell each other.
    exclude = ["patient_reference", "cancel_note"]
