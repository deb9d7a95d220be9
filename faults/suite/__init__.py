"""The faults, under the names of `faults.names`."""

from collections.abc import Callable, Iterable

from faults.finding import Finding
from faults.names import IN_BRIEF
from faults.stage import Stage
from faults.suite import brief, killed, neighbours, outage, quiet, servers, withdrawal

Fault = Callable[[Stage], Iterable[Finding]]

FAULTS: dict[str, Fault] = {
    "none": quiet.nothing_happens,
    "open-transaction": quiet.a_transaction_stays_open,
    "workers-killed": killed.workers_and_beat,
    "web-killed": killed.web_at_its_commit,
    "redis-emptied": servers.redis_emptied,
    "redis-away": servers.redis_away,
    "redis-full": servers.redis_full,
    "postgres-restarts": servers.postgres_restarts,
    "insurer-down": outage.insurer_down,
    "dead-endpoint": neighbours.one_dead_endpoint,
    "consent-withdrawn": withdrawal.consent_withdrawn,
    "much-waiting": neighbours.much_waits_for_one,
    IN_BRIEF: brief.a_bit_of_each,
}
