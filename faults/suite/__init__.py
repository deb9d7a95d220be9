"""The faults, by the name under which `python -m faults --only` takes them."""

from collections.abc import Callable, Iterable

from faults.finding import Finding
from faults.stage import Stage
from faults.suite import quiet

Fault = Callable[[Stage], Iterable[Finding]]

FAULTS: dict[str, Fault] = {
    "none": quiet.nothing_happens,
    "open-transaction": quiet.a_transaction_stays_open,
}
