"""An insurer's system that speaks DocPort's own push protocol: whole states, put in place."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

from requests import Session

from integrations import outgoing

# The insurer holds something newer, which is as good.
_NEWER_IS_HELD = {HTTPStatus.CONFLICT}
# What is gone, or never came, need not be erased.
_NOTHING_TO_ERASE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


def put_doctor(
    session: Session, base_url: str, doctor: UUID, *, body: bytes, headers: Mapping[str, str]
) -> None:
    """Put a doctor's profile in place.

    Raises:
        PartnerUnavailable: nothing answered, or the system asks to come again.
        PartnerRefused: the system said no; 410 means that it does not want this doctor.
    """
    _send(session, "PUT", _path(base_url, doctor), body, headers, accepts=_NEWER_IS_HELD)


def put_availability(
    session: Session, base_url: str, doctor: UUID, *, body: bytes, headers: Mapping[str, str]
) -> None:
    """Put a doctor's hours in place; raises as `put_doctor` does."""
    path = f"{_path(base_url, doctor)}/availability"
    _send(session, "PUT", path, body, headers, accepts=_NEWER_IS_HELD)


def delete_doctor(
    session: Session, base_url: str, doctor: UUID, *, body: bytes, headers: Mapping[str, str]
) -> None:
    """Ask to erase a doctor; raises as `put_doctor` does."""
    _send(session, "DELETE", _path(base_url, doctor), body, headers, accepts=_NOTHING_TO_ERASE)


def _path(base_url: str, doctor: UUID) -> str:
    return f"{base_url.rstrip('/')}/doctors/{doctor}"


def _send(
    session: Session,
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    accepts: set[HTTPStatus],
) -> None:
    try:
        outgoing.send(session, method, url, body=body, headers=headers)
    except outgoing.PartnerRefused as refusal:
        if refusal.status not in accepts:
            raise
