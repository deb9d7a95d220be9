"""Find pairs of insurer and doctor that should be sent though no event says so.

Edits and steps of a consent have their events. What else decides whether an insurer sees a doctor,
and where that is sent, has none: the insurer's status and address, and the end of a period. What
is to be sent is a backfill; what is to be erased does not wait behind one.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, When

from consent.models import Consent
from integrations.actions.push import ERASED, shown_at
from integrations.models import ProviderDoctorSync, ProviderPush
from registry.models import InsuranceProvider

# Pairs in one transaction: nobody else's changes wait longer than these take.
BATCH = 1000
_Status = ProviderDoctorSync.Status


@transaction.atomic(durable=True)
def reconcile(*, at: datetime) -> int:
    """Make due the next of what is not as it should be; zero means that nothing is left.

    A doctor whom an insurer with an address sees is sent there; one whom it does not see any more
    is erased there, also when that is because the insurer is suspended.
    """
    _add_insurers()
    return _add_missing(at) + _mark_stale(at)


def _add_insurers() -> None:
    known = ProviderPush.objects.filter(insurance_provider=OuterRef("pk"))
    new = InsuranceProvider.objects.filter(~Exists(known)).exclude(api_base_url="").order_by()
    ProviderPush.objects.bulk_create(
        (ProviderPush(insurance_provider=provider) for provider in new), ignore_conflicts=True
    )


def _add_missing(at: datetime) -> int:
    known = ProviderDoctorSync.objects.filter(
        doctor=OuterRef("doctor"), insurance_provider=OuterRef("insurance_provider")
    )
    missing = Consent.objects.showing_at(at).filter(
        ~Exists(known), ~Q(insurance_provider__api_base_url="")
    )
    pairs = missing.order_by().values_list("doctor_id", "insurance_provider_id")[:BATCH]
    added = ProviderDoctorSync.objects.bulk_create(
        (
            ProviderDoctorSync(
                doctor_id=doctor,
                insurance_provider_id=provider,
                sync_status=_Status.PENDING,
                is_backfill=True,
                next_attempt_at=at,
            )
            for doctor, provider in pairs
        ),
        ignore_conflicts=True,
    )
    return len(added)


def _mark_stale(at: datetime) -> int:
    shows, is_erased = shown_at(at), Q(state_hash=ERASED)
    has_moved = ~Q(sent_to=F("insurance_provider__api_base_url"))
    stale = ProviderDoctorSync.objects.filter(
        ~Q(insurance_provider__api_base_url=""),
        Q(sync_status=_Status.IN_STEP) & ((shows & (is_erased | has_moved)) | (~shows & ~is_erased))
        | Q(sync_status__in=[_Status.FAILING, _Status.STOPPED]) & has_moved,
    )
    # Locked in the order in which the sequencer takes them; asked again of each row, because
    # another may have changed it meanwhile.
    standing = ProviderDoctorSync.objects.exclude(sync_status=_Status.PENDING).filter(
        pk__in=list(stale.order_by().values_list("pk", flat=True)[:BATCH])
    )
    locked = standing.order_by("doctor", "insurance_provider").select_for_update()
    return ProviderDoctorSync.objects.filter(
        pk__in=list(locked.values_list("pk", flat=True))
    ).update(
        sync_status=_Status.PENDING,
        is_backfill=Case(When(shows, then=True), default=False),
        wanted=F("wanted") + 1,
        attempts=0,
        failing_since=None,
        next_attempt_at=at,
        updated_at=at,
    )
