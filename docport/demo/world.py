"""The demo as a whole: who is in it, what is there already, and what still has to be added."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from docport.demo import endpoints, history
from docport.demo.insurers import INSURERS, DemoInsurer
from docport.demo.population import PlannedDoctor, doctors
from docport.demo.sign_ins import SignIns
from integrations.actions import keys
from integrations.models import ApiKey, Scope
from registry import actions, ledger
from registry.models import AuditLog, Doctor, InsuranceProvider, User
from scheduling import openings

ADMIN = "admin@example.org"
KEY_LASTS = timedelta(days=365)
COMPLETED = "demo.added"
ADDED_BEFORE = timedelta(days=61)
# Far from as many as an insurer may ask in a day.
DOCTORS_ASKED = 10

Progress = Callable[[Sequence[PlannedDoctor]], Iterable[PlannedDoctor]]


class HoldsRealPeople(Exception):
    """The database has rows that are not synthetic; nothing was changed."""


@dataclass(frozen=True)
class Addresses:
    """Where the site and its mock insurers listen on this machine."""

    base_url: str
    port: int

    def mock(self, number: int) -> str:
        """Give the address of the mock insurer of this number, counted from 1."""
        return f"http://127.0.0.1:{self.port + number}"


def add(
    *, size: int, sign_ins: SignIns, addresses: Addresses, progress: Progress, at: datetime
) -> bool:
    """Add the demo where it is not complete, and write how to sign in; true when it was added.

    Stopped half-way, it goes on where it was. Complete, it is left as people have changed it
    since; only the mock insurers' addresses follow the port.

    Raises:
        HoldsRealPeople: there is a doctor who is not synthetic, or an insurer that is live.
    """
    completed = AuditLog.objects.filter(action=COMPLETED).first()
    if completed is None:
        refuse_real_people()
    else:
        size = int(completed.metadata["size"])
    admin = _admin(sign_ins)
    insurers = [
        _insurer(insurer, addresses.mock(number), admin, at)
        for number, insurer in enumerate(INSURERS, start=1)
    ]
    plans = doctors(size)
    if completed is None:
        for plan in progress(plans):
            _live(plan, insurers, sign_ins, admin, at)
        for plan in plans[:DOCTORS_ASKED]:
            history.be_asked(plan, insurers, at=at)
        # Their hours were set weeks ago: the search wants the days to come from today on.
        openings.extend(at=at, most=size)
        _complete(admin, size, at)
    _write(plans, insurers, sign_ins, addresses, admin, at)
    return completed is None


def refuse_real_people() -> None:
    """Raise HoldsRealPeople when anything in the database is not synthetic."""
    real_doctors = Doctor.objects.filter(is_sandbox=False).count()
    live = InsuranceProvider.objects.filter(integration_status=InsuranceProvider.Status.LIVE)
    if real_doctors or live.exists():
        raise HoldsRealPeople(
            f"This database holds {real_doctors} real doctors and {live.count()} live insurers. "
            "Demo data never goes beside them: name another database with DATABASE_URL."
        )


def _admin(sign_ins: SignIns) -> User:
    admin = User.objects.filter(email=ADMIN).first()
    if admin is None:
        return User.objects.create_superuser(ADMIN, sign_ins.password(ADMIN))
    _renew_password(admin, sign_ins)
    return admin


def _live(
    plan: PlannedDoctor,
    insurers: list[InsuranceProvider],
    sign_ins: SignIns,
    admin: User,
    at: datetime,
) -> None:
    doctor = history.live(plan, password=lambda: sign_ins.password(plan.email), admin=admin, at=at)
    history.opt_in(plan, doctor, insurers, at=at)
    chosen = [insurer for insurer in insurers if insurer.slug in plan.insurers]
    if chosen:
        history.fill(doctor, chosen, at=at)


@transaction.atomic(durable=True)
def _complete(admin: User, size: int, at: datetime) -> None:
    ledger.record(COMPLETED, subject=admin, by=None, at=at, size=size)


def _renew_password(user: User, sign_ins: SignIns) -> None:
    """Give a demo account a new password when the file that told it is lost."""
    if sign_ins.knows(user.email):
        return
    with transaction.atomic(durable=True):
        user.set_password(sign_ins.password(user.email))
        user.save(update_fields=["password"])


def _insurer(planned: DemoInsurer, mock_url: str, admin: User, at: datetime) -> InsuranceProvider:
    known = InsuranceProvider.objects.filter(slug=planned.slug).first()
    insurer = known or InsuranceProvider(
        name=planned.name,
        slug=planned.slug,
        information_use=planned.information_use,
        contact_name="Demo desk",
        contact_email=f"desk@{planned.slug}.example.org",
    )
    insurer.api_base_url = f"{mock_url}/docport"
    insurer.webhook_url = f"{mock_url}/docport/webhooks"
    actions.save_provider(
        provider=insurer, by=admin, at=at - (timedelta(0) if known else ADDED_BEFORE)
    )
    return insurer


def _write(
    plans: list[PlannedDoctor],
    insurers: list[InsuranceProvider],
    sign_ins: SignIns,
    addresses: Addresses,
    admin: User,
    at: datetime,
) -> None:
    emails = [plan.email for plan in plans]
    users = User.objects.filter(email__in=emails, doctor__is_sandbox=True).in_bulk(
        field_name="email"
    )
    people = [users[email] for email in emails if email in users]
    for user in people:
        _renew_password(user, sign_ins)
    sign_ins.write(
        base_url=addresses.base_url,
        admin=admin.email,
        doctors=[(str(user.doctor_id), user.email) for user in people],
        insurers=[
            {
                "name": insurer.name,
                "slug": insurer.slug,
                "api_key": _key(insurer, sign_ins, admin, at),
                "mock_url": addresses.mock(number),
                **_signing(insurer, admin, at),
            }
            for number, insurer in enumerate(insurers, start=1)
        ],
    )


def _signing(insurer: InsuranceProvider, admin: User, at: datetime) -> dict[str, str]:
    endpoint = endpoints.keep(insurer=insurer, url=insurer.webhook_url, by=admin, at=at)
    return {"webhook_secret": endpoint.secret, "webhook_public_key": endpoint.public_key}


def _key(insurer: InsuranceProvider, sign_ins: SignIns, admin: User, at: datetime) -> str:
    """Give the key of the file, also when an admin has ended it, else a new one.

    Raises:
        keys.WrongMode, keys.TooManyKeys: the file is lost, and the insurer may have no new key.
    """
    mine = ApiKey.objects.filter(insurance_provider=insurer)
    kept = sign_ins.api_key(insurer.slug)
    if kept is not None and mine.filter(sha256=keys.digest(kept)).exists():
        return kept
    for lost in mine.usable_at(at).filter(name="Demo"):
        keys.revoke(key=lost, by=admin, at=at)
    _, key = keys.issue(
        provider=insurer,
        name="Demo",
        scopes=list(Scope),
        expires_at=at + KEY_LASTS,
        is_test=True,
        by=admin,
        at=at,
    )
    return key
