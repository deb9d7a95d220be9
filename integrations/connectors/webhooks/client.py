"""Send one event to an insurer's webhook."""

from collections.abc import Mapping

from integrations import outgoing
from integrations.outgoing import Session


async def post(
    session: Session, url: str, *, body: bytes, headers: Mapping[str, str]
) -> outgoing.Answer:
    """Post the signed bytes and give the answer they were accepted with.

    Raises:
        PartnerUnavailable: nothing answered, or the endpoint asks to come again.
        PartnerRefused: the endpoint said no; 410 means never again.
    """
    return await outgoing.send(session, "POST", url, body=body, headers=headers)
