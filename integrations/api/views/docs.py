import inspect

from csp.decorators import csp_update
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations.api import reference as made
from integrations.api import samples
from integrations.api.problems import CODES
from integrations.api.shapes import EVENT_TYPES
from integrations.api.views.schema import description
from integrations.models import Scope

# Swagger UI draws its icons from data: addresses in its style sheet.
_SWAGGER = {"img-src": ["data:"]}


@login_not_required
@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "integrations/docs.html",
        {
            "groups": made.groups(description()),
            "codes": CODES,
            "scopes": Scope.choices,
            "event_types": EVENT_TYPES,
            "base_url": settings.BASE_URL,
            "signature_check": inspect.getsource(samples).partition("\n\n")[2],
        },
    )


@login_not_required
@require_safe
@csp_update(_SWAGGER)
def try_out(request: HttpRequest) -> HttpResponse:
    return render(request, "integrations/try.html")
