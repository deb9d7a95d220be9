from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps

_NOT_SHOWN = (
    "auth.Group",
    "account.EmailAddress",
    "account.EmailConfirmation",
    "mfa.Authenticator",
    "allauth_idp_oidc.Client",
    "allauth_idp_oidc.Token",
)


class RegistryConfig(AppConfig):
    name = "registry"
    default = True
    default_auto_field = "django.db.models.BigAutoField"


class AdminSiteConfig(admin_apps.AdminConfig):
    """Django admin with one sign-in, and without tables that it could change behind our actions."""

    default = False
    default_site = "registry.adapters.AdminSite"

    def ready(self) -> None:
        super().ready()
        from django.contrib.admin import site  # noqa: PLC0415  Needs every app loaded.

        for name in _NOT_SHOWN:
            model = apps.get_model(name)
            if site.is_registered(model):
                site.unregister(model)
