import re
from collections.abc import Callable
from http import HTTPStatus

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from integrations.api.problems import Problem, as_http
from registry.models import User

_API = re.compile("/api/(?!docs/)")
# What machines and admins read is English always: the API with its documentation, keys, health.
_ENGLISH = re.compile(r"/(api|admin|\.well-known|healthz|readyz|metrics)(/|$)")
# What Django or a middleware answers before an endpoint is reached, or after it.
_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: Problem("invalid_request", detail="The request is not looked at."),
    HTTPStatus.INTERNAL_SERVER_ERROR: Problem("internal_error"),
}


class ApiProblemMiddleware:
    """Answer a call of the API with a problem also where a page would be answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        problem = _PROBLEMS.get(HTTPStatus(response.status_code))
        is_page = response.get("Content-Type", "").startswith("text/")
        if problem is None or not is_page or not _API.match(request.path):
            return response
        return as_http(problem, instance=request.path)


class LanguageMiddleware:
    """Answer people's pages in their language.

    It is the one of the account, or a stranger's cookie's or browser's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _ENGLISH.match(request.path):
            return self.get_response(request)
        if isinstance(request.user, User):
            language, vary = request.user.language, ["Cookie"]
        else:
            language = translation.get_language_from_request(request)
            vary = ["Accept-Language", "Cookie"]
        with translation.override(language):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language() or language)
        patch_vary_headers(response, vary)
        return response


class InvalidFormMiddleware:
    """Answer 422 when a library's page shows a form again, as our own pages do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_template_response(
        self, request: HttpRequest, response: TemplateResponse
    ) -> TemplateResponse:
        form = (response.context_data or {}).get("form")
        refused = isinstance(form, BaseForm) and form.is_bound and not form.is_valid()
        if request.method == "POST" and response.status_code == HTTPStatus.OK and refused:
            response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
        return response
