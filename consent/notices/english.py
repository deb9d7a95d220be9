from consent.models import DataClass
from consent.notices.wording import ClassNotice, Item, Notice

PROFILE = ClassNotice(
    code=DataClass.PROFILE,
    name="Profile",
    summary="Who you are and where you see patients. {insurer} cannot do without it.",
    items=(
        Item("Your name", ("full_name",)),
        Item("The council you are registered with", ("registration_council",)),
        Item("Your registration number", ("registration_number",)),
        Item("Your Healthcare Professionals Registry id, if you have one", ("hpr_id",)),
        Item("Your specialization", ("specialization",)),
        Item("The languages you consult in", ("languages",)),
        Item("Your years of experience", ("years_of_experience",)),
        Item("Your fee", ("fee",)),
        Item("Your email address", ("email",)),
        Item("Your phone number", ("phone",)),
        Item("Your time zone", ("timezone",)),
        Item("Your places: name, address, phone and point on the map", ("locations",)),
    ),
)
CREDENTIALS = ClassNotice(
    code=DataClass.CREDENTIALS,
    name="Credentials",
    summary="What DocPort has verified about your training. Your certificates' files stay here.",
    items=(
        Item("Each degree or registration that DocPort has verified", ("kind", "degree")),
        Item("Its institution and year", ("institution", "year")),
        Item("When DocPort verified it", ("verified", "verified_at")),
        Item("Until when it is valid, if it ends", ("valid_until",)),
    ),
)
AVAILABILITY = ClassNotice(
    code=DataClass.AVAILABILITY,
    name="Availability",
    summary="When you can be booked. Nobody learns why you are away.",
    items=(
        Item("Your weekly hours at each place, and how long a visit is", ("windows",)),
        Item("Leave and extra hours on single dates, without the reason", ("exceptions",)),
        Item("Your free times", ("slots",)),
    ),
)
APPOINTMENTS = ClassNotice(
    code=DataClass.APPOINTMENTS,
    name="Appointments",
    summary="Lets {insurer} book its members into your free times.",
    items=(
        Item("{insurer} may book, move and cancel its own appointments with you", ("booking",)),
        Item(
            (
                "Of those: time, place, token number, whether the patient came, "
                "and why it was cancelled if it was"
            ),
            ("appointment",),
        ),
    ),
)

ENGLISH = Notice(
    version="2026-11",
    language="en",
    insurer="{insurer}",
    information_use="{information_use}",
    purpose="So that {insurer} can show you to its members, send you visits and pay for them.",
    data_classes=(PROFILE, CREDENTIALS, AVAILABILITY, APPOINTMENTS),
    never_shared=(
        "How you sign in",
        "Your certificates' files",
        "The reason for any leave",
        "Anything about other insurers, or the patients they send you",
    ),
    withdrawal=(
        "You can withdraw whenever you like: open Insurers, choose Withdraw, and confirm.",
        "You need not say why.",
        "It takes effect at once: {insurer} can then read nothing more about you.",
        "It must erase what it holds within 30 days.",
        "Until they end, it keeps reading the appointments that it has already booked with you.",
        "You choose whether to keep or cancel those.",
    ),
    rights=(
        "You can see what is shared, and correct it on your profile.",
        "You can choose fewer kinds of data, or a shorter period, at any time.",
        "Every step gives you a signed receipt that you can keep and check.",
    ),
    complaint=(
        "Write to {insurer} or to the people who run this DocPort; your receipt names both.",
        "If that does not help, you can complain to the Data Protection Board of India.",
    ),
)
