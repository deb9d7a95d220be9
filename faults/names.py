"""The faults, and how many seconds each lasts unless told otherwise; of `web-killed`, how often."""

FAULTS: dict[str, float] = {
    "none": 60,
    "open-transaction": 60,
    "workers-killed": 180,
    "web-killed": 200,
    "redis-emptied": 10,
    "redis-away": 120,
    "redis-full": 30,
    "postgres-restarts": 30,
    "insurer-down": 5,
    "dead-endpoint": 30,
    "consent-withdrawn": 20,
    "much-waiting": 30,
}
# A bit of several, for every run of the tests.
IN_BRIEF, BRIEF_SECONDS = "in-brief", 6.0
