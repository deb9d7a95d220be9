from django.apps import AppConfig


class DocportConfig(AppConfig):
    name = "docport"
    verbose_name = "DocPort"

    def ready(self) -> None:
        from docport import checks  # noqa: F401, PLC0415  Registers them.
