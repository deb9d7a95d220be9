"""The demo insurers. Their names are made up; each says how it uses the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoInsurer:
    """An insurer that exists nowhere but in demos."""

    name: str
    slug: str
    information_use: str


INSURERS = (
    DemoInsurer(
        "Nila Health Insurance",
        "nila",
        "To show you to our members who look for a doctor, to book their visits in your free "
        "times, and to settle their out-patient claims without paper.",
    ),
    DemoInsurer(
        "Kaveri General Insurance",
        "kaveri",
        "To list you in the out-patient network of our family plans and to book visits that our "
        "call centre arranges for members.",
    ),
    DemoInsurer(
        "Saral Health Cover",
        "saral",
        "To offer your free times in our app to members of employers' group policies. We do not "
        "use your data for advertising.",
    ),
)
