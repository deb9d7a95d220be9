"""Every change of people, doctors, their papers and insurers' master data."""

from registry.actions.accounts import (
    AlreadyHasAccount,
    EmailTaken,
    change_email,
    delegate,
    record_second_step,
    set_language,
    set_theme,
    sign_up,
)
from registry.actions.audit import seal_audit
from registry.actions.credentials import (
    AlreadyUploaded,
    CannotBeReplaced,
    add_credential,
    record_opening,
)
from registry.actions.profile import (
    AlreadySent,
    AlreadyTaken,
    Incomplete,
    ZoneKept,
    add_place,
    as_if_updated,
    submit,
    update_place,
    update_profile,
)
from registry.actions.providers import NotForLive, change_status, save_provider
from registry.actions.refusals import Refused
from registry.actions.review import (
    AlreadyActive,
    AlreadyChecked,
    AlreadySuspended,
    ChangedSince,
    NotReady,
    activate,
    ask_for_change,
    suspend,
    verify_credential,
)

__all__ = [
    "AlreadyActive",
    "AlreadyChecked",
    "AlreadyHasAccount",
    "AlreadySent",
    "AlreadySuspended",
    "AlreadyTaken",
    "AlreadyUploaded",
    "CannotBeReplaced",
    "ChangedSince",
    "EmailTaken",
    "Incomplete",
    "NotForLive",
    "NotReady",
    "Refused",
    "ZoneKept",
    "activate",
    "add_credential",
    "add_place",
    "as_if_updated",
    "ask_for_change",
    "change_email",
    "change_status",
    "delegate",
    "record_opening",
    "record_second_step",
    "save_provider",
    "seal_audit",
    "set_language",
    "set_theme",
    "sign_up",
    "submit",
    "suspend",
    "update_place",
    "update_profile",
    "verify_credential",
]
