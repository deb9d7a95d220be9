from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef

from registry import chain
from registry.models import AuditLog, AuditSeal

BATCH = 1000
# Any number that no other advisory lock of DocPort uses.
_LOCK = 7_236_001
# Rows come in the order of their ids, save for transactions that were open meanwhile; none is
# open for a day. So old rows need not be looked at again.
_A_DAY_IN_A_UUID7 = 24 * 3600 * 1000 << 80

log = structlog.get_logger(__name__)


@transaction.atomic(durable=True)
def seal_audit(*, at: datetime) -> int:
    """Seal the next audit rows into the hash chain and give their number, at most `BATCH`.

    Two at once do not disturb each other: the second finds the lock taken and seals none.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    last = chain.head()
    seals = []
    for row in _unsealed()[:BATCH]:
        last = chain.Head(last.position + 1, chain.link(last.hash, row))
        seals.append(AuditSeal(position=last.position, audit_log=row, hash=last.hash, sealed_at=at))
    AuditSeal.objects.bulk_create(seals)
    if seals:
        log.info("audit_sealed", head=str(last), rows=len(seals))
    return len(seals)


def _unsealed() -> models.QuerySet[AuditLog]:
    sealed = AuditSeal.objects.filter(audit_log=OuterRef("pk"))
    rows = AuditLog.objects.filter(~Exists(sealed)).order_by("id")
    newest = AuditSeal.objects.order_by("-position").first()
    if newest is None:
        return rows
    return rows.filter(id__gte=UUID(int=max(0, newest.audit_log_id.int - _A_DAY_IN_A_UUID7)))
