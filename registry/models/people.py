import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from registry.constraints import one_of
from registry.fields import EncryptedTextField
from registry.models.base import Timestamped
from registry.models.doctors import Doctor
from registry.models.providers import InsuranceProvider


class UserManager(BaseUserManager["User"]):
    """Find people by email, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_superuser(self, email: str, password: str) -> "User":
        """Add an admin who may do everything; `manage.py createsuperuser` calls it."""
        admin = self.model(
            email=self.normalize_email(email), role=User.Role.ADMIN, is_superuser=True
        )
        admin.set_password(password)
        admin.save()
        return admin


class UserRole(models.TextChoices):
    DOCTOR = "DOCTOR", _("Doctor")
    ADMIN = "ADMIN", _("Admin")
    INSURER = "INSURER", _("Insurer")
    DELEGATE = "DELEGATE", _("Receptionist")


class UserTheme(models.TextChoices):
    AUTO = "auto", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class UserUiLanguage(models.TextChoices):
    EN = "en", "English"
    HI = "hi", "हिन्दी"


class User(AbstractBaseUser, PermissionsMixin, Timestamped):
    """Somebody who signs in, by email."""

    Role = UserRole

    Theme = UserTheme

    UiLanguage = UserUiLanguage

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    role = models.CharField(max_length=8, choices=Role.choices)
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    language = models.CharField(max_length=2, choices=UiLanguage.choices, default=UiLanguage.EN)
    theme = models.CharField(max_length=5, choices=Theme.choices, default=Theme.AUTO)
    # Of receptionists alone, for admins; in E.164.
    phone = EncryptedTextField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "users"
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            one_of("role", UserRole, name="user_role_known"),
            one_of("theme", UserTheme, name="user_theme_known"),
            one_of("language", UserUiLanguage, name="user_language_known"),
            models.CheckConstraint(
                condition=Q(role="ADMIN", doctor=None, insurance_provider=None)
                | Q(role="INSURER", doctor=None, insurance_provider__isnull=False)
                | Q(
                    role__in=["DOCTOR", "DELEGATE"],
                    doctor__isnull=False,
                    insurance_provider=None,
                ),
                name="user_role_matches_link",
            ),
            models.UniqueConstraint(
                fields=["doctor"], condition=Q(role="DOCTOR"), name="user_one_per_doctor"
            ),
            models.CheckConstraint(
                condition=Q(role="DELEGATE") | Q(phone=None), name="user_phone_of_receptionist"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        """Only admins enter Django admin."""
        return self.role == self.Role.ADMIN
