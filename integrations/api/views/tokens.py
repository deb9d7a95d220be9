from collections.abc import Callable
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions import clients
from integrations.api.client_authentication import client_of
from integrations.api.oauth import FormParser, Refusal, refusal_response
from integrations.api.permissions import Needs
from integrations.api.serializers import Exact, query_of
from integrations.api.shapes import TokenOut
from integrations.api.token_schema import EXAMPLES, FORM, TokenSchema
from integrations.api.views.base import InsurerView
from integrations.models import ApiClient


class AccessTokens(InsurerView):
    needs = {"POST": Needs(scope=None)}
    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [FormParser]
    schema = TokenSchema()

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return refusal_response

    @extend_schema(
        operation_id="oauth_token",
        tags=["Account"],
        summary="Get an access token",
        description="For a client: OAuth2 client credentials (RFC 6749), with a secret in the "
        "header or in the form, or with a signed assertion (`private_key_jwt`, RFC 7523). A token "
        "lasts 15 minutes, and no longer than its client; there is no refresh token. Errors are "
        "those of RFC 6749 and no problem details.",
        request=FORM,
        responses=TokenOut,
        examples=EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        query_of(Exact, request.query_params)
        form = cast("dict[str, str]", request.data)
        _check_grant(form.get("grant_type"))
        client = client_of(request, form, at=self.at)
        token, value = clients.issue_token(
            client=client, scopes=_granted(form.get("scope"), client), at=self.at
        )
        return Response(
            {
                "access_token": value,
                "token_type": "Bearer",
                "expires_in": int((token.expires_at - self.at).total_seconds()),
                "scope": " ".join(token.get_scopes()),
            },
            headers={"Pragma": "no-cache"},
        )


def _check_grant(grant_type: str | None) -> None:
    if grant_type is None:
        raise Refusal("invalid_request", "grant_type is missing.")
    if grant_type != "client_credentials":
        raise Refusal("unsupported_grant_type", "grant_type must be client_credentials.")


def _granted(wanted: str | None, client: ApiClient) -> set[str]:
    """Give the scopes that were asked for, or all of the client's if none were named."""
    own = set(client.oauth.get_scopes())
    scopes = own if wanted is None else set(wanted.split(" "))
    if not scopes <= own:
        raise Refusal("invalid_scope", f"The client has {' '.join(sorted(own))}.")
    return scopes
