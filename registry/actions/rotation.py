"""Seal with the newest field key what older ones have sealed, so that these can be thrown away.

It goes from row to row in the order of their ids, in small steps that each commit: it can be
ended at any time and begun again, for what is done is not found any more. Nothing waits for it,
and as no value changes for anybody, the audit log says nothing of it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import uuid4

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.files.storage import default_storage
from django.db import connection, transaction

from registry import encryption, second_step
from registry.actions.transactions import tried_again
from registry.fields import EncryptedTextField
from registry.models import DoctorCredential

BATCH = 200

_OUTDATED = "{column} IS NOT NULL AND get_byte({column}, 1) <> %(key)s"
_COUNT = "SELECT count(*) FROM {table} WHERE {outdated}"
_READ = """
    SELECT {id}, {column} FROM {table}
    WHERE {outdated} AND {is_next} ORDER BY {id} LIMIT %(batch)s
"""
# Whoever wrote a value meanwhile has sealed it with the newest key.
_WRITE = """
    UPDATE {table} AS kept SET {column} = new.sealed
    FROM unnest(%(ids)s, %(old)s::bytea[], %(new)s::bytea[]) AS new (id, was, sealed)
    WHERE kept.{id} = new.id AND kept.{column} = new.was
"""


class Step(NamedTuple):
    """How many values one step has read, and the places of those that no key opens."""

    read: int
    unreadable: list[str]


class _Value(NamedTuple):
    row_id: Any
    context: str
    sealed: bytes


def sealed_fields() -> list[EncryptedTextField]:
    """List the columns of all apps that hold sealed values."""
    return [
        field
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    ]


def outdated_values(field: EncryptedTextField) -> int:
    """Count the values of a column that the newest key has not sealed."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(_COUNT, field), {"key": encryption.newest_key()})
        return int(cursor.fetchone()[0])


def reseal_values(field: EncryptedTextField) -> Iterator[Step]:
    """Seal a column's values anew, step by step; a value that no key opens stays as it is.

    Raises:
        TooBusy: others kept changing the same rows. What is sealed anew by then stays so.
    """
    found = _read(field, after=None)
    while found:
        yield Step(len(found), _reseal(field, found))
        found = _read(field, after=found[-1].row_id)


def outdated_certificates() -> list[DoctorCredential]:
    """List the credentials whose certificate the newest key has not sealed."""
    with_file = DoctorCredential.objects.exclude(certificate="").order_by("pk")
    return [row for row in with_file if encryption.is_outdated(_header_of(row))]


def reseal_certificate(credential: DoctorCredential) -> None:
    """Seal a certificate's file anew; whoever reads it meanwhile gets the old or the new one.

    Raises:
        CannotDecrypt: the file was altered or moved, or its key is not here; it stays as it is.
    """
    path = _path_of(credential)
    sealed = encryption.reseal(path.read_bytes(), context=credential.encryption_context)
    beside = path.with_name(f"{path.name}.{uuid4().hex}")
    beside.touch(mode=0o600)
    beside.write_bytes(sealed)
    os.replace(beside, path)


def outdated_seeds() -> list[Authenticator]:
    """List the second steps of people whose seed the newest key has not sealed."""
    return [row for row in Authenticator.objects.order_by("pk") if _outdated_keys(row)]


def reseal_seeds(row: Authenticator) -> None:
    """Seal the seed of somebody's second step anew; one turned off meanwhile is left alone.

    Raises:
        CannotDecrypt: it was altered or moved, or its key is not here; it stays as it is.
    """
    with transaction.atomic():
        standing = Authenticator.objects.select_for_update().filter(pk=row.pk).first()
        if standing is None:
            return
        context = second_step.context_of(standing.user_id)
        for key in _outdated_keys(standing):
            sealed = second_step.as_bytes(standing.data[key])
            standing.data[key] = second_step.as_text(encryption.reseal(sealed, context=context))
        standing.save(update_fields=["data"])


def _outdated_keys(row: Authenticator) -> list[str]:
    return [key for key in second_step.SEALED_KEYS if key in row.data and _is_old(row.data[key])]


def _is_old(sealed: str) -> bool:
    """Tell whether a seed must be sealed anew; what is no sealed text is found so as well."""
    try:
        return encryption.is_outdated(second_step.as_bytes(sealed))
    except encryption.CannotDecrypt:
        return True


def _header_of(credential: DoctorCredential) -> bytes:
    """Read how a certificate is sealed; of a file that is gone, nothing."""
    try:
        with _path_of(credential).open("rb") as file:
            return file.read(encryption.HEADER_BYTES)
    except FileNotFoundError:
        return b""


def _read(field: EncryptedTextField, *, after: object) -> list[_Value]:
    is_next = "true" if after is None else "{id} > %(after)s"
    given: dict[str, Any] = {"key": encryption.newest_key(), "after": after, "batch": BATCH}
    with connection.cursor() as cursor:
        cursor.execute(_sql(_READ.replace("{is_next}", is_next), field), given)
        rows = cursor.fetchall()
    return [_Value(row_id, field.context_of(row_id), bytes(sealed)) for row_id, sealed in rows]


def _reseal(field: EncryptedTextField, values: list[_Value]) -> list[str]:
    """Seal values anew; give the places of those that no key opens."""
    written, unreadable = [], []
    for value in values:
        try:
            sealed = encryption.reseal(value.sealed, context=value.context)
        except encryption.CannotDecrypt:
            unreadable.append(value.context)
        else:
            written.append((value.row_id, value.sealed, sealed))
    if written:
        ids, old, new = (list(column) for column in zip(*written, strict=True))
        tried_again(lambda: _write(field, ids, old, new))
    return unreadable


def _write(field: EncryptedTextField, ids: list[Any], old: list[Any], new: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_sql(_WRITE, field), {"ids": ids, "old": old, "new": new})


def _sql(statement: str, field: EncryptedTextField) -> str:
    quoted, meta = connection.ops.quote_name, field.model._meta
    names = {
        "table": quoted(meta.db_table),
        "column": quoted(str(field.column)),
        "id": quoted(str(cast("Any", meta.pk).column)),
    }
    return statement.format(outdated=_OUTDATED.format(**names), **names)


def _path_of(credential: DoctorCredential) -> Path:
    return Path(default_storage.path(str(credential.certificate.name)))
