from django.apps import AppConfig
from django.core.checks import Tags, register


class ConsentConfig(AppConfig):
    name = "consent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from consent import receipts  # noqa: PLC0415  It imports models, which are not ready above.

        register(receipts.check_keys, Tags.security, deploy=True)
