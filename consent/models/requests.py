import uuid
from datetime import datetime, timedelta

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q
from django.db.models.functions import Upper

from consent.models.consents import Consent, DataClass
from registry.constraints import both_or_neither, one_of, only_when, subset_of
from registry.models import Doctor, InsuranceProvider, Timestamped, User

ANSWER_WITHIN = timedelta(days=30)
QUIET_AFTER = timedelta(days=90)
_UNTIL_ASKED_AGAIN = Func(
    "asked_at", "ask_again_from", function="tstzrange", output_field=DateTimeRangeField()
)


class ConsentRequestAnswer(models.TextChoices):
    NONE = "", "None"
    ACCEPTED = "ACCEPTED", "Accepted"
    DECLINED = "DECLINED", "Declined"


class ConsentRequestQuerySet(models.QuerySet["ConsentRequest"]):
    """Which requests."""

    def open_at(self, at: datetime) -> "ConsentRequestQuerySet":
        """Keep what can still be answered at the aware instant `at`: a request lapses by itself."""
        return self.filter(answer=ConsentRequestAnswer.NONE, answer_by__gt=at)

    def put_to(self, doctor: Doctor, *, at: datetime) -> "ConsentRequestQuerySet":
        """Keep what a doctor may answer at the aware instant `at`.

        Nobody answers for a number before an admin has compared it with the papers. A doctor who
        has withdrawn has said no, so what that insurer asks within 90 days is not put.
        """
        if doctor.status != Doctor.Status.ACTIVE:
            return self.none()
        statuses = InsuranceProvider.Status
        world = statuses.SANDBOX if doctor.is_sandbox else statuses.LIVE
        consents = Consent.objects.filter(
            doctor=doctor, insurance_provider=OuterRef("insurance_provider")
        )
        withdrawn = consents.filter(revoked_at__gt=OuterRef("asked_at") - QUIET_AFTER)
        return self.open_at(at).filter(
            ~Exists(consents.active_at(at)),
            ~Exists(withdrawn),
            registration_number=doctor.registration_number,
            insurance_provider__integration_status=world,
        )


class ConsentRequest(Timestamped):
    """What an insurer asks of whoever has a registration number, and the answer.

    The number may be a doctor's here, or nobody's yet: the row is the same, and so is all that the
    insurer is told. What it is told must not depend on `answer`.
    """

    Answer = ConsentRequestAnswer

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    insurance_provider = models.ForeignKey(
        InsuranceProvider, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    registration_number = models.CharField(max_length=40)
    data_classes = ArrayField(models.CharField(max_length=12, choices=DataClass.choices))
    message = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField()
    answer_by = models.DateTimeField()
    ask_again_from = models.DateTimeField()
    answer = models.CharField(max_length=8, choices=Answer.choices, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = ConsentRequestQuerySet.as_manager()

    class Meta:
        db_table = "consent_requests"
        ordering = ["-asked_at", "id"]
        constraints = [
            # One open request for a number, and none for a while after it, whatever the answer.
            ExclusionConstraint(
                name="consent_request_one_at_a_time",
                expressions=[
                    ("insurance_provider", RangeOperators.EQUAL),
                    ("registration_number", RangeOperators.EQUAL),
                    (_UNTIL_ASKED_AGAIN, RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(registration_number=Upper("registration_number"))
                & Q(registration_number__regex="^[A-Z]+-.+$"),
                name="consent_request_number_is_canonical",
            ),
            subset_of("data_classes", DataClass, name="consent_request_classes_known"),
            models.CheckConstraint(
                condition=Q(data_classes__contains=[DataClass.PROFILE]),
                name="consent_request_asks_who",
            ),
            models.CheckConstraint(
                condition=Q(asked_at__lt=F("answer_by"), answer_by__lte=F("ask_again_from")),
                name="consent_request_times_in_order",
            ),
            one_of("answer", ConsentRequestAnswer, name="consent_request_answer_known"),
            only_when("answered_at", ~Q(answer=""), name="consent_request_answered_at"),
            both_or_neither("answered_at", "answered_by", name="consent_request_answered_pair"),
            both_or_neither("answered_at", "doctor", name="consent_request_answered_for_whom"),
        ]
        indexes = [
            models.Index(
                fields=["insurance_provider", "asked_at"], name="consent_request_by_provider"
            ),
            models.Index(
                fields=["registration_number"],
                condition=Q(answer=""),
                name="consent_request_by_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.insurance_provider_id} asks {self.registration_number}"

    def addressee_at(self, at: datetime) -> Doctor | None:
        """Give the doctor to whom it is put at the aware instant `at`; twin of `put_to`."""
        doctor = Doctor.objects.filter(registration_number=self.registration_number).first()
        if doctor is None:
            return None
        put = ConsentRequest.objects.put_to(doctor, at=at).filter(pk=self.pk)
        return doctor if put.exists() else None
