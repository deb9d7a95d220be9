from django.contrib import admin

from registry.admin.base import ReadOnlyAdmin
from registry.models import User


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Who can sign in; never how."""

    list_display = ("email", "role", "doctor", "insurance_provider", "is_active", "last_login")
    list_filter = ("role", "is_active")
    list_select_related = ("doctor", "insurance_provider")
    search_fields = ("email", "doctor__full_name", "insurance_provider__name")
    fields = (
        "email",
        "role",
        "doctor",
        "insurance_provider",
        "is_active",
        "is_superuser",
        "language",
        "last_login",
        "created_at",
    )
    readonly_fields = ("created_at",)
