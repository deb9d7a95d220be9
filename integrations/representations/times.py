from integrations.representations.values import Json
from scheduling.openings import Found
from scheduling.slots import Slot


def slot(slot: Slot) -> Json:
    """Show a free time, with instants and ids for whoever writes the JSON: it comes by hundreds."""
    terms = slot.terms
    return {
        "start": slot.starts_at,
        "end": slot.ends_at,
        "location_id": terms.location_id,
        "mode": terms.mode,
        "capacity": terms.capacity,
        "free": len(slot.free_lanes),
    }


def found(found: Found) -> Json:
    """Show what a search found: a free time, whose, and how far away if that was asked."""
    shown: Json = {
        "doctor_id": found.doctor_id,
        "start": found.starts_at,
        "end": found.ends_at,
        "location_id": found.location_id,
        "mode": found.mode,
        "capacity": found.capacity,
        "free": found.free,
    }
    if found.distance_km is not None:
        shown["distance_km"] = round(found.distance_km, 1)
    return shown
