from django.apps import AppConfig


class DocportConfig(AppConfig):
    name = "docport"
    verbose_name = "DocPort"

    def ready(self) -> None:
        # Importing registers the checks, and makes ours the Celery app that wake-ups go to.
        from docport import celery, checks  # noqa: F401, PLC0415  Importing registers them.
