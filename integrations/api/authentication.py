from django.utils.timezone import now
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from integrations.actions import keys
from integrations.api.callers import Caller
from integrations.api.problems import AUTHENTICATE, Problem
from integrations.models import ApiKey
from registry.http import client_ip
from registry.models import InsuranceProvider


class ApiKeyAuthentication(BaseAuthentication):
    """Let an insurer in by `Authorization: Bearer dpk_…`; `request.user` is then a `Caller`."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        presented = _presented(request)
        if presented is None:
            return None
        key = _usable_key(presented)
        if key.is_test != key.insurance_provider.sees_sandbox:
            raise Problem("key_mode_mismatch")
        keys.note_use(key=key, ip=client_ip(request), at=now())
        return _caller(key), None

    def authenticate_header(self, request: Request) -> str:
        return AUTHENTICATE


def _caller(key: ApiKey) -> Caller:
    return Caller(
        id=key.pk,
        kind="api_key",
        name=key.name,
        last_four=key.last_four,
        provider=key.insurance_provider,
        is_test=key.is_test,
        scopes=frozenset(key.scopes),
        api_version=key.api_version,
        expires_at=key.expires_at,
    )


def _presented(request: Request) -> str | None:
    header = get_authorization_header(request)
    if not header:
        return None
    scheme, _, credentials = header.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not credentials:
        raise Problem("not_authenticated")
    return credentials.strip()


def _usable_key(presented: str) -> ApiKey:
    # A typing error or a guess costs no query.
    if not keys.is_well_formed(presented):
        raise Problem("invalid_key")
    at = now()
    known = ApiKey.objects.filter(sha256=keys.digest(presented))
    key = known.usable_at(at).select_related("insurance_provider").first()
    if key is not None:
        return key
    suspended = known.filter(
        insurance_provider__integration_status=InsuranceProvider.Status.SUSPENDED,
        revoked_at=None,
        expires_at__gt=at,
    )
    raise Problem("insurer_suspended" if suspended.exists() else "invalid_key")
