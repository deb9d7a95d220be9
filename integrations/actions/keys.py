"""Insurers' API keys: `dpk_live_` or `dpk_test_`, 30 random characters, 6 of checksum."""

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from integrations.models import NEWEST_VERSION, ApiKey, Scope
from registry import ledger
from registry.actions import Refused
from registry.models import InsuranceProvider, User

MOST_LIVE_KEYS = 2
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARACTERS = 30
_CHECKSUM_CHARACTERS = 6
_SHAPE = re.compile(rf"dpk_(live|test)_[0-9A-Za-z]{{{_RANDOM_CHARACTERS + _CHECKSUM_CHARACTERS}}}")


class TooManyKeys(Refused):
    """The insurer has as many live keys as it may: one in use, one to change to."""


class WrongMode(Refused):
    """A sandbox insurer is given test mode and a live one live mode, never the other way."""


class InsurerSuspended(Refused):
    """A suspended insurer gets nothing: it would open nothing now and everything once it may."""


class AlreadyRevoked(Refused):
    """It opens nothing any more."""


def digest(key: str) -> str:
    """Give what is stored of a key: its SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_well_formed(key: str) -> bool:
    """Tell, without asking the database, whether the key has our shape and its checksum."""
    if not _SHAPE.fullmatch(key):
        return False
    body, checksum = key[:-_CHECKSUM_CHARACTERS], key[-_CHECKSUM_CHARACTERS:]
    return secrets.compare_digest(_checksum(body), checksum)


def generate(*, is_test: bool) -> str:
    """Make a new key that nobody has."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    body = f"dpk_{'test' if is_test else 'live'}_{drawn}"
    return body + _checksum(body)


@transaction.atomic(durable=True)
def issue(
    *,
    provider: InsuranceProvider,
    name: str,
    scopes: Iterable[Scope | str],
    expires_at: datetime,
    is_test: bool,
    by: User | None,
    at: datetime,
) -> tuple[ApiKey, str]:
    """Give an insurer a key; the second value is the key itself and is never seen again.

    Args:
        expires_at: aware instant after which the key opens nothing.
        by: the admin or the insurer's person; `None` for DocPort itself.

    Raises:
        TooManyKeys: two keys are live already; nothing was issued.
        WrongMode: the key's mode is not the insurer's; nothing was issued.
        InsurerSuspended: nothing was issued.
    """
    standing = locked_insurer(provider, is_test=is_test)
    live = ApiKey.objects.filter(insurance_provider=standing, revoked_at=None, expires_at__gt=at)
    if live.count() >= MOST_LIVE_KEYS:
        raise TooManyKeys("This insurer has two live keys. Revoke one first.")
    key = generate(is_test=is_test)
    row = ApiKey.objects.create(
        insurance_provider=standing,
        name=name,
        is_test=is_test,
        sha256=digest(key),
        last_four=key[-4:],
        scopes=sorted(str(scope) for scope in set(scopes)),
        api_version=NEWEST_VERSION,
        expires_at=expires_at,
    )
    ledger.record(
        "api_key.issued", subject=row, by=by, at=at, last_four=row.last_four, scopes=row.scopes
    )
    return row, key


def locked_insurer(provider: InsuranceProvider, *, is_test: bool) -> InsuranceProvider:
    """Lock an insurer who is to get a key or a client of this mode.

    Raises:
        WrongMode, InsurerSuspended: it may have none such.
    """
    standing = InsuranceProvider.objects.select_for_update().get(pk=provider.pk)
    if standing.integration_status == InsuranceProvider.Status.SUSPENDED:
        raise InsurerSuspended("This insurer is suspended. Set it to Sandbox or Live first.")
    if is_test != standing.sees_sandbox:
        raise WrongMode("A sandbox insurer is given test mode, a live one live mode.")
    return standing


@transaction.atomic(durable=True)
def revoke(*, key: ApiKey, by: User, at: datetime) -> ApiKey:
    """Close a key at once.

    Raises:
        AlreadyRevoked: nothing was changed and nothing was recorded.
    """
    standing = ApiKey.objects.select_for_update().get(pk=key.pk)
    if standing.revoked_at is not None:
        raise AlreadyRevoked("It is revoked already.")
    standing.revoked_at, standing.revoked_by = at, by
    standing.save(update_fields=["revoked_at", "revoked_by"])
    ledger.record("api_key.revoked", subject=standing, by=by, at=at, last_four=standing.last_four)
    return standing


def note_use(*, row_id: UUID, ip: str | None, at: datetime) -> None:
    """Remember the day and the address of a key's first use on that day."""
    today = at.date()
    first_today = ApiKey.objects.filter(pk=row_id).exclude(last_used_on=today)
    first_today.update(last_used_on=today, last_used_ip=ip)


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_CHARACTERS):
        number, remainder = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[remainder] + digits
    return digits
