"""Make up doctors: the same ones from the same seed, on every machine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from random import Random

from docport.demo.cities import CITIES, City, Quarter
from docport.demo.insurers import INSURERS
from docport.demo.names import FAMILY, GIVEN
from docport.demo.practices import NIGHTS, PATTERNS, PRACTICES, Period, Practice

SEED = 20261123
FEWEST = 40
THIS_YEAR = 2026
# Which of each ten doctors is what; the rest are ordinary.
NIGHT_DOCTOR, WAITING, UNFINISHED = 3, 8, 9


@dataclass(frozen=True)
class PlannedPlace:
    """A place of work, as the form asks for it."""

    name: str
    address: str
    city: str
    state: str
    pin: str
    latitude: str
    longitude: str
    periods: tuple[Period, ...]


@dataclass(frozen=True)
class PlannedDoctor:
    """A made-up doctor, with what happened to them in the last two months."""

    full_name: str
    email: str
    phone: str
    registration_council: str
    registration_number: str
    practice: Practice
    institution: str
    graduated: int
    languages: tuple[str, ...]
    fee: int
    slot_minutes: int
    capacity: int
    places: tuple[PlannedPlace, ...]
    finished: bool
    checked: bool
    insurers: tuple[str, ...]
    leave_in_days: int | None

    @property
    def years_of_experience(self) -> int:
        return THIS_YEAR - self.graduated


def doctors(size: int, *, seed: int = SEED) -> list[PlannedDoctor]:
    """Make up `size` doctors, spread evenly over the cities."""
    random = Random(seed)  # noqa: S311  Nothing here is secret.
    names = _names(random)
    numbers = random.sample(range(20_000, 20_000 + 20 * size), size)
    cities = cycle(CITIES)
    return [_doctor(random, index, next(cities), names, numbers[index]) for index in range(size)]


def _names(random: Random) -> dict[str, Iterator[str]]:
    return {region: _without_end(random, region) for region in GIVEN}


def _without_end(random: Random, region: str) -> Iterator[str]:
    pairs = [f"{given} {family}" for given in GIVEN[region] for family in FAMILY[region]]
    random.shuffle(pairs)
    return cycle(pairs)


def _doctor(
    random: Random, index: int, city: City, names: dict[str, Iterator[str]], number: int
) -> PlannedDoctor:
    full_name = next(names[random.choice(city.regions)])
    practice = PRACTICES[index] if index < len(PRACTICES) else random.choice(PRACTICES)
    dentist = practice.specialization == "dentistry"
    kind = index % 10
    finished, checked = kind != UNFINISHED, kind not in {WAITING, UNFINISHED}
    opted_in = checked and index % 2 == 0
    periods = _periods(random, kind)
    return PlannedDoctor(
        full_name=full_name,
        email=f"{_local_part(full_name)}.{index + 1}@example.org",
        phone=f"+9160000{index + 1:05d}",
        registration_council="DCI" if dentist else city.council,
        registration_number=str(number),
        practice=practice,
        institution=random.choice(city.institutions),
        graduated=random.randint(THIS_YEAR - 35, THIS_YEAR - 6),
        languages=("en", *city.languages[: random.randint(1, len(city.languages))]),
        fee=round(random.randint(practice.lowest_fee, practice.highest_fee), -1),
        slot_minutes=_slot_minutes(random, practice, periods),
        capacity=random.choice((1, 1, 1, 2)),
        places=_places(random, city, full_name, periods),
        finished=finished,
        checked=checked,
        insurers=_insurers(random, index) if opted_in else (),
        leave_in_days=random.randint(2, 12) if checked and kind in {2, 5} else None,
    )


def _local_part(full_name: str) -> str:
    return re.sub(r"[^a-z]+", ".", full_name.lower())


def _periods(random: Random, kind: int) -> tuple[Period, ...]:
    if kind == NIGHT_DOCTOR:
        return PATTERNS[1] + NIGHTS
    return random.choice(PATTERNS)


def _slot_minutes(random: Random, practice: Practice, periods: tuple[Period, ...]) -> int:
    fitting = [
        minutes
        for minutes in practice.slot_minutes
        if all(period.minutes % minutes == 0 for period in periods)
    ]
    return random.choice(fitting or (15,))


def _insurers(random: Random, index: int) -> tuple[str, ...]:
    slugs = [insurer.slug for insurer in INSURERS]
    # The first doctor shows what it is like to be seen by everybody.
    return tuple(slugs if index == 0 else random.sample(slugs, random.randint(1, len(slugs))))


def _places(
    random: Random, city: City, full_name: str, periods: tuple[Period, ...]
) -> tuple[PlannedPlace, ...]:
    two = len(periods) > 1 and random.random() < 0.4  # noqa: PLR2004  Two in five work at two places.
    quarters = random.sample(city.quarters, 2 if two else 1)
    shares = (periods[:1], periods[1:]) if two else (periods,)
    names = (f"{full_name.rsplit(maxsplit=1)[-1]} Clinic", f"{quarters[-1].name} Polyclinic")
    return tuple(
        _place(random, city, quarter, name, share)
        for quarter, name, share in zip(quarters, names, shares, strict=False)
    )


def _place(
    random: Random, city: City, quarter: Quarter, name: str, periods: tuple[Period, ...]
) -> PlannedPlace:
    return PlannedPlace(
        name=name,
        address=f"{random.randint(2, 240)}, {random.choice(quarter.streets)}, {quarter.name}",
        city=city.name,
        state=city.state,
        pin=quarter.pin,
        latitude=f"{quarter.latitude + random.uniform(-0.004, 0.004):.6f}",
        longitude=f"{quarter.longitude + random.uniform(-0.004, 0.004):.6f}",
        periods=periods,
    )
