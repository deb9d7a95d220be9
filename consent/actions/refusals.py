from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.utils.translation import gettext_lazy as _

from registry.actions import Refused

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class _Refused(Refused):
    text: ClassVar["StrOrPromise"]

    def __init__(self) -> None:
        super().__init__(self.text)


class DoctorNotActive(_Refused):
    """No admin has verified this doctor yet, or one has suspended them."""

    text = _("You can turn insurers on once we have verified you.")


class ProviderSuspended(_Refused):
    """DocPort has suspended this insurer."""

    text = _("This insurer is suspended. You can turn it on when it is back.")


class WrongMode(_Refused):
    """A synthetic doctor and a live insurer never meet, nor a real one and a sandbox."""

    text = _("This insurer takes no doctors from here.")


class DataClassesRefused(_Refused):
    """No data class, an unknown one, or none that says who the doctor is."""

    text = _("Choose what to share, the profile among it.")


class EndsInPast(_Refused):
    """The period would be over before it begins."""

    text = _("Choose an end that is still to come.")


class NoticeChanged(_Refused):
    """The words that the doctor read are no longer the notice."""

    text = _("The words of this page changed. Please read them again.")


class AlreadyGiven(_Refused):
    """This consent is in force; it can be changed or withdrawn."""

    text = _("This insurer is already on; nothing was changed.")


class NotInForce(_Refused):
    """Only a consent in force can be changed."""

    text = _("This consent has ended, so it could not be changed.")


class NothingToChange(_Refused):
    """It already says exactly this."""

    text = _("It was like this already; nothing was changed.")


class AlreadyWithdrawn(_Refused):
    """It was withdrawn or its period is over, so there is nothing left to withdraw."""

    text = _("This consent has already ended.")


class NotAsked(_Refused):
    """The insurer has no open request that could be declined."""

    text = _("This insurer asks for nothing any more, so there is nothing to decline.")


class TooManyRequests(_Refused):
    """The insurer has asked as many doctors as it may; it can ask the next one at `again_at`."""

    text = _("Too many doctors were asked. Wait for their answers.")

    def __init__(self, *, again_at: datetime) -> None:
        super().__init__()
        self.again_at = again_at


class StillInForce(_Refused):
    """What an insurer may still hold it cannot have had to erase."""

    text = _("This consent is in force.")


class ErasedAtImpossibleTime(_Refused):
    """The insurer held it until the consent ended, and what is to come has not happened."""

    text = _("Give a time between the end of the consent and now.")
