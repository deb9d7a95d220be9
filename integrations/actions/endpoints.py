"""Where insurers want their events: endpoints come, change, are proved, and go."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from integrations import outgoing
from integrations.actions import deliveries, push
from integrations.connectors.webhooks.mapping import new_key_pair, new_secret
from integrations.models import CHALLENGE, PING, WebhookDelivery, WebhookEndpoint
from registry import ledger
from registry.actions.refusals import Refused
from registry.actions.transactions import joining
from registry.models import InsuranceProvider

MOST_ENDPOINTS = 10
BOTH_SECRETS_FOR = timedelta(hours=24)
EVENT_TYPES = (
    "appointment.arrived",
    "appointment.booked",
    "appointment.cancelled",
    "appointment.completed",
    "appointment.no_show",
    "appointment.rescheduled",
    "availability.updated",
    "consent.changed",
    "consent.granted",
    "consent.revoked",
    "doctor.updated",
    "doctor.withdrawn",
)
_CHALLENGE_BYTES = 24
_Status = WebhookEndpoint.Status


class TargetRefused(Refused):
    """DocPort will not, or cannot just now, send to this address; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__("DocPort cannot send to this address.")
        self.code = code


class TooManyEndpoints(Refused):
    """The insurer has as many endpoints as it may; nothing was added."""

    def __init__(self) -> None:
        super().__init__(f"An insurer may have {MOST_ENDPOINTS} endpoints. Delete one first.")


class EndpointDeleted(Refused):
    """The endpoint is no more; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The endpoint was deleted.")


class EndpointDisabled(Refused):
    """Nothing is sent there until it is enabled; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The endpoint is disabled. Enable it first.")


class Stale(Refused):
    """The endpoint has changed since it was read; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The endpoint has changed meanwhile.")


@dataclass(frozen=True)
class Target:
    """An address that DocPort may call; `vetted` gives it."""

    url: str


def vetted(url: str) -> Target:
    """Check an address; asks the resolver, so that no transaction may be open.

    Raises:
        TargetRefused: `target_forbidden` when it is not on the public internet, `dns_error` when
            its name leads nowhere now.
    """
    try:
        outgoing.check_url(url)
    except outgoing.TargetForbidden as error:
        raise TargetRefused("target_forbidden") from error
    except outgoing.TargetUnknown as error:
        raise TargetRefused("dns_error") from error
    return Target(url)


@joining
def add(
    *,
    provider: InsuranceProvider,
    target: Target,
    event_types: Iterable[str],
    by: ledger.Actor,
    at: datetime,
) -> WebhookEndpoint:
    """Add an endpoint with a secret of its own, which is shown to its owner once, and challenge it.

    Args:
        event_types: what it wants to hear; empty means everything.

    Raises:
        TooManyEndpoints: nothing was added.
    """
    insurer = InsuranceProvider.objects.select_for_update(no_key=True).get(pk=provider.pk)
    mine = WebhookEndpoint.objects.standing().filter(insurance_provider=insurer)
    if mine.count() >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    private_key, public_key = new_key_pair()
    endpoint = WebhookEndpoint.objects.create(
        insurance_provider=insurer,
        url=target.url,
        event_types=sorted(set(event_types)),
        secret=new_secret(),
        private_key=private_key,
        public_key=public_key,
        challenge=_new_challenge(),
    )
    deliveries.say(endpoint=endpoint, event_type=CHALLENGE, at=at)
    push.retry_failing(provider=insurer.pk, at=at)
    ledger.record("webhook_endpoint.added", subject=endpoint, by=by, at=at, url=endpoint.url)
    return endpoint


@transaction.atomic(durable=True)
def change(
    *,
    endpoint: WebhookEndpoint,
    by: ledger.Actor,
    at: datetime,
    version: int | None = None,
    target: Target | None = None,
    event_types: Iterable[str] | None = None,
    is_enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; an endpoint that moves is challenged before it is sent events again.

    What waited while an endpoint was disabled is sent once it is enabled.

    Args:
        version: which the caller has read; `None` changes whatever stands.

    Raises:
        EndpointDeleted, Stale: nothing was changed.
    """
    standing = _locked(endpoint, version)
    before = _settings(standing)
    if target is not None and target.url != standing.url:
        _move(standing, target)
    if event_types is not None:
        standing.event_types = sorted(set(event_types))
    if is_enabled is not None:
        _switch(standing, is_enabled=is_enabled, by=by, at=at)
    changed = {name: new for name, new in _settings(standing).items() if new != before[name]}
    if changed:
        _save(standing)
        _go_on(standing, changed, at)
        ledger.record("webhook_endpoint.changed", subject=standing, by=by, at=at, **changed)
    return standing


@transaction.atomic(durable=True)
def delete(
    *, endpoint: WebhookEndpoint, by: ledger.Actor, at: datetime, version: int | None = None
) -> WebhookEndpoint:
    """Send nothing there any more; what was sent stays readable, what waited is dropped.

    Raises:
        EndpointDeleted, Stale: nothing was changed.
    """
    standing = _locked(endpoint, version)
    standing.status, standing.deleted_at = _Status.DELETED, at
    standing.disabled_at, standing.disabled_reason = None, ""
    _save(standing)
    ledger.record("webhook_endpoint.deleted", subject=standing, by=by, at=at)
    return standing


@joining
def rotate_secret(*, endpoint: WebhookEndpoint, by: ledger.Actor, at: datetime) -> WebhookEndpoint:
    """Give an endpoint a new secret; for 24 hours the one it replaces signs as well.

    Raises:
        EndpointDeleted: nothing was changed.
    """
    standing = _locked(endpoint, None)
    standing.previous_secret = standing.secret
    standing.previous_secret_until = at + BOTH_SECRETS_FOR
    standing.secret = new_secret()
    _save(standing)
    ledger.record("webhook_endpoint.secret_rotated", subject=standing, by=by, at=at)
    return standing


@transaction.atomic(durable=True)
def send_test(*, endpoint: WebhookEndpoint, by: ledger.Actor, at: datetime) -> WebhookDelivery:
    """Send a ping now, or its challenge once more to an endpoint that has not answered it.

    Raises:
        EndpointDeleted, EndpointDisabled: nothing is sent.
    """
    standing = _locked(endpoint, None)
    if standing.status == _Status.DISABLED:
        raise EndpointDisabled
    event_type = PING if standing.status == _Status.ENABLED else CHALLENGE
    delivery = deliveries.say(endpoint=standing, event_type=event_type, at=at)
    ledger.record("webhook_endpoint.tested", subject=standing, by=by, at=at, sent=event_type)
    return delivery


def _locked(endpoint: WebhookEndpoint, version: int | None) -> WebhookEndpoint:
    standing = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    if standing.status == _Status.DELETED:
        raise EndpointDeleted
    if version is not None and version != standing.version:
        raise Stale
    return standing


def _save(standing: WebhookEndpoint) -> None:
    standing.version += 1
    standing.save()


def _settings(endpoint: WebhookEndpoint) -> dict[str, object]:
    """Give what its owner decides, as the audit log tells it."""
    return {
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "is_enabled": endpoint.status != _Status.DISABLED,
    }


def _move(standing: WebhookEndpoint, target: Target) -> None:
    standing.url, standing.challenge = target.url, _new_challenge()
    standing.verified_at = None
    _forget_failures(standing)
    if standing.status == _Status.ENABLED:
        standing.status = _Status.PENDING
    # Whoever answers the old challenge now proves nothing.
    deliveries.give_up(endpoint=standing, event_type=CHALLENGE)


def _switch(standing: WebhookEndpoint, *, is_enabled: bool, by: ledger.Actor, at: datetime) -> None:
    if is_enabled == (standing.status != _Status.DISABLED):
        return
    standing.warned_percent, standing.warn_at = 0, None
    if is_enabled:
        standing.status = _Status.ENABLED if standing.verified_at else _Status.PENDING
        standing.disabled_at, standing.disabled_reason = None, ""
        _forget_failures(standing)
    else:
        standing.status, standing.disabled_at = _Status.DISABLED, at
        who = "the insurer" if isinstance(by, InsuranceProvider) else "an admin"
        standing.disabled_reason = f"Disabled by {who}."


def _forget_failures(standing: WebhookEndpoint) -> None:
    standing.failing_since, standing.failures, standing.held_until = None, 0, None
    standing.warned_percent, standing.warn_at = 0, None


def _go_on(standing: WebhookEndpoint, changed: dict[str, object], at: datetime) -> None:
    if changed.get("is_enabled"):
        deliveries.make_due(endpoint=standing, at=at)
        push.retry_failing(provider=standing.insurance_provider_id, at=at)
    if standing.status == _Status.PENDING and changed.keys() & {"url", "is_enabled"}:
        deliveries.say(endpoint=standing, event_type=CHALLENGE, at=at)


def _new_challenge() -> str:
    return secrets.token_urlsafe(_CHALLENGE_BYTES)
