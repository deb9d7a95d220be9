import json
from functools import cache

from csp.decorators import csp_update
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations.api.examples import example_of_problem
from integrations.api.guides import guides
from integrations.api.oauth import ERRORS, token_url
from integrations.api.problems import CODES
from integrations.api.reference import Reference
from integrations.api.shapes import EVENT_DATA, EVENT_TYPES
from integrations.api.views.schema import description
from integrations.models import Scope

# Swagger UI draws its icons from data: addresses in its style sheet.
_SWAGGER = {"img-src": ["data:"]}


@cache
def _reference() -> Reference:
    return Reference(description())


@login_not_required
@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    made = _reference()
    problem = example_of_problem("slot_taken")["value"]
    return render(
        request,
        "integrations/docs.html",
        {
            "guides": guides().values(),
            "reference": made,
            "codes": CODES,
            "problem": json.dumps(problem, indent=2),
            "token_url": token_url(),
            "token_errors": ERRORS,
            "scopes": [(scope, label, made.calls_of(scope)) for scope, label in Scope.choices],
            "event_types": [(kind, text, EVENT_DATA[kind]) for kind, text in EVENT_TYPES],
        },
    )


@login_not_required
@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in guides():
        raise Http404
    others = [one for one in guides().values() if one.slug != slug]
    context = {"guide": guides()[slug], "others": others}
    return render(request, "integrations/guide.html", context)


@login_not_required
@require_safe
@csp_update(_SWAGGER)
def try_out(request: HttpRequest) -> HttpResponse:
    return render(request, "integrations/try.html")
