"""The faults, and how many seconds each lasts unless told otherwise."""

FAULTS: dict[str, float] = {
    "none": 60,
    "open-transaction": 60,
}
