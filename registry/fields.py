"""Model fields that more than one app needs."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldError
from django.db import models

from registry.encryption import decrypt, encrypt


@dataclass(frozen=True)
class _Sealed:
    """A value as the database holds it, opened only when somebody reads it."""

    value: bytes


class _Opener:
    """Open the sealed value the first time a row's attribute is read."""

    def __init__(self, field: "EncryptedTextField") -> None:
        self.field = field

    def __get__(self, row: models.Model | None, owner: type[models.Model]) -> Any:
        if row is None:
            return self
        value = row.__dict__.get(self.field.attname)
        if isinstance(value, _Sealed):
            value = decrypt(value.value, context=self.field.context_of(row.pk)).decode()
            row.__dict__[self.field.attname] = value
        return value

    def __set__(self, row: models.Model, value: object) -> None:
        row.__dict__[self.field.attname] = value


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]  # Generic only in stubs.
    """Text that is readable in Python and sealed in the database, bound to its row.

    It can neither be searched nor set by `QuerySet.update`, which knows no row.
    """

    def contribute_to_class(
        self,
        cls: type[models.Model],
        name: str,
        private_only: bool = False,  # noqa: FBT001, FBT002  Django's own signature.
    ) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Opener(self))

    def context_of(self, row_id: object) -> str:
        """Name the one place where a value opens: table, column and row."""
        return f"{self.model._meta.db_table}.{self.column}:{row_id}"

    def from_db_value(self, value: Any, *_: object) -> _Sealed | None:
        return None if value is None else _Sealed(bytes(value))

    def pre_save(self, row: models.Model, add: bool) -> Any:  # noqa: FBT001  Django's signature.
        value = row.__dict__.get(self.attname)
        if value is None or isinstance(value, _Sealed):
            return value
        return _Sealed(encrypt(str(value).encode(), context=self.context_of(row.pk)))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002  Django's signature.
        if value is None:
            return None
        if not isinstance(value, _Sealed):
            raise FieldError(f"{self.name} is encrypted: save the row, it cannot be searched.")
        return super().get_db_prep_value(value.value, connection, prepared)
