"""Tell DocPort when what a doctor had shown, who opted out, is erased."""

import logging
from datetime import UTC, datetime

from integrations.mock_insurer.client import DocPort
from integrations.mock_insurer.store import Store

log = logging.getLogger(__name__)


def report_erasures(docport: DocPort, store: Store) -> None:
    """Tell DocPort of every erasure that it does not know of.

    Raises:
        Unavailable: the rest stays to be told.
    """
    for consent_id, erased_at in store.untold_erasures():
        answer = docport.erased(consent_id, at=datetime.fromtimestamp(erased_at, UTC).isoformat())
        if not answer.accepted:
            # The doctor may have opted in again; saying it once more would not help.
            log.warning("DocPort did not take an erasure: %s", answer.status)
        store.mark_told(consent_id, erased_at)
