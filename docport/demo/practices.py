"""What the demo doctors practise and when: degrees, fees, and patterns of weekly hours."""

from dataclasses import dataclass
from datetime import time

WEEKDAYS = (0, 1, 2, 3, 4)
SIX_DAYS = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Practice:
    """A specialization, the degree after MBBS that it takes, and what a visit costs in rupees."""

    specialization: str
    degree: str
    lowest_fee: int
    highest_fee: int
    slot_minutes: tuple[int, ...]


@dataclass(frozen=True)
class Period:
    """A period on some days of the week, in the wall time of the place."""

    days: tuple[int, ...]
    start: time
    end: time

    @property
    def minutes(self) -> int:
        start, end = (moment.hour * 60 + moment.minute for moment in (self.start, self.end))
        return (end - start) % (24 * 60)


PRACTICES = (
    Practice("general_medicine", "MD General Medicine", 300, 700, (10, 15)),
    Practice("family_medicine", "DNB Family Medicine", 250, 500, (10, 15)),
    Practice("paediatrics", "MD Paediatrics", 400, 900, (15,)),
    Practice("gynaecology", "MS Obstetrics and Gynaecology", 500, 1000, (15, 20)),
    Practice("dermatology", "MD Dermatology", 500, 1200, (15,)),
    Practice("cardiology", "DM Cardiology", 800, 1800, (20, 30)),
    Practice("orthopaedics", "MS Orthopaedics", 600, 1200, (15, 20)),
    Practice("ent", "MS ENT", 500, 900, (15,)),
    Practice("ophthalmology", "MS Ophthalmology", 400, 900, (15,)),
    Practice("diabetology", "MD General Medicine", 500, 1000, (15, 20)),
    Practice("dentistry", "MDS", 300, 800, (30,)),
    Practice("psychiatry", "MD Psychiatry", 800, 2000, (30, 45)),
    Practice("neurology", "DM Neurology", 900, 1800, (30,)),
    Practice("pulmonology", "MD Respiratory Medicine", 600, 1200, (20,)),
    Practice("endocrinology", "DM Endocrinology", 800, 1600, (20,)),
)
# A night lasts until the next morning.
NIGHTS = (Period((4, 5), time(20), time(2)),)
PATTERNS = (
    (Period(SIX_DAYS, time(9), time(13)), Period(WEEKDAYS, time(17), time(20))),
    (Period(SIX_DAYS, time(10), time(14)),),
    (Period(WEEKDAYS, time(9), time(12, 30)), Period(WEEKDAYS, time(16), time(19, 30))),
    (Period(SIX_DAYS, time(17), time(21)),),
    (Period((0, 2, 4), time(8), time(12)), Period((1, 3, 5), time(15), time(19))),
    (Period((1, 3, 5), time(9), time(15)),),
    (
        Period(WEEKDAYS, time(7, 30), time(10)),
        Period(WEEKDAYS, time(18), time(21)),
        Period((6,), time(9), time(11)),
    ),
)
