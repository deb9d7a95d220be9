from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from registry.admin import ReadOnlyAdmin
from registry.admin.base import UNPROCESSABLE, AdminRequest


class ShownOnceAdmin(ReadOnlyAdmin):
    """Add a row whose secret stands on the answering page and nowhere else."""

    form_class: type[Form]
    button: str

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def add_view(
        self,
        request: AdminRequest,  # type: ignore[override]  # The site lets nobody else in.
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        form = self.form_class(request.POST if request.method == "POST" else None)
        secret = self.issue(request, form) if form.is_valid() else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self.button,
            "button": self.button,
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
            "form": form,
            "secret": secret,
        }
        name = "add" if secret is None else "shown_once"
        status = UNPROCESSABLE if form.errors else None
        return TemplateResponse(request, f"admin/integrations/{name}.html", context, status=status)

    def issue(self, request: AdminRequest, form: Form) -> str | None:
        """Add the row and give its secret, or put what is wrong into the form."""
        raise NotImplementedError
