from django.apps import AppConfig


class DocportConfig(AppConfig):
    name = "docport"
    label = "docport"
    verbose_name = "DocPort"
