"""An insurer's system that speaks DocPort's own push protocol: whole states, put in place."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from uuid import UUID

from integrations import outgoing
from integrations.connectors import Document, Partner
from integrations.connectors.docport_json.mapping import AVAILABILITY, state_headers

# The insurer holds something newer, which is as good.
_NEWER_IS_HELD = {HTTPStatus.CONFLICT}
# What is gone, or never came, need not be erased.
_NOTHING_TO_ERASE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_STATE = "DocPort-State"
# How a system that tells its states says that it holds nothing; an error says so of any system.
_HOLDS_NONE = "none"


async def put(partner: Partner, doctor: UUID, document: Document, *, version: int) -> None:
    """Put a doctor's profile or hours in place.

    Raises:
        PartnerUnavailable: nothing answered, or the system asks to come again.
        PartnerRefused: the system said no; 410 means that it does not want this doctor.
    """
    await _send("PUT", partner, doctor, document, version=version, accepts=_NEWER_IS_HELD)


async def erase(partner: Partner, doctor: UUID, document: Document, *, version: int) -> None:
    """Ask to erase a doctor; raises as `put` does."""
    await _send("DELETE", partner, doctor, document, version=version, accepts=_NOTHING_TO_ERASE)


async def state_held(partner: Partner, doctor: UUID, part: str) -> str | None:
    """Ask which state of a doctor's profile or hours the system holds.

    Returns:
        Its `DocPort-State`; empty where it says `none`; `None` where it tells nothing.

    Raises:
        PartnerUnavailable: nothing answered, or the system asks to come again.
    """
    headers = partner.sign(f"state_{part}", b"")
    url = _path(partner, doctor, part)
    try:
        answer = await outgoing.send(partner.session, "GET", url, body=b"", headers=headers)
        told = answer.headers
    except outgoing.PartnerRefused as refusal:
        told = refusal.headers
    state = told.get(_STATE)
    return "" if state == _HOLDS_NONE else state


def _path(partner: Partner, doctor: UUID, part: str) -> str:
    path = f"{partner.base_url.rstrip('/')}/doctors/{doctor}"
    return f"{path}/availability" if part == AVAILABILITY else path


async def _send(
    method: str,
    partner: Partner,
    doctor: UUID,
    document: Document,
    *,
    version: int,
    accepts: Collection[HTTPStatus],
) -> None:
    headers: Mapping[str, str] = partner.sign(document.part, document.body) | state_headers(
        version, document
    )
    url = _path(partner, doctor, document.part)
    try:
        await outgoing.send(partner.session, method, url, body=document.body, headers=headers)
    except outgoing.PartnerRefused as refusal:
        if refusal.status not in accepts:
            raise
