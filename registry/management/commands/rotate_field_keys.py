from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from registry.actions import rotation
from registry.encryption import CannotDecrypt, newest_key


class Command(BaseCommand):
    help = (
        "Seal with the newest of FIELD_KEYS what older ones have sealed. "
        "It may be ended and begun again; DocPort may go on meanwhile."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        unreadable = [*self._values(), *self._certificates(), *self._seeds()]
        for place in unreadable:
            self.stderr.write(f"No key opens {place}.")
        if unreadable:
            raise CommandError(
                f"Values that no key opens: {len(unreadable)}. Put the key back that sealed them, "
                "and begin again. Keep all older keys until then."
            )
        self.stdout.write(
            f"Everything is sealed with key {newest_key()}. "
            "When all processes run with it, older keys can be taken away."
        )

    def _values(self) -> list[str]:
        unreadable: list[str] = []
        for field in rotation.sealed_fields():
            name = f"{field.model._meta.db_table}.{field.column}"
            with self._bar(name, rotation.outdated_values(field)) as bar:
                for step in rotation.reseal_values(field):
                    unreadable += step.unreadable
                    bar.update(step.read)
        return unreadable

    def _certificates(self) -> list[str]:
        unreadable = []
        outdated = rotation.outdated_certificates()
        with self._bar("certificates", len(outdated)) as bar:
            for credential in outdated:
                try:
                    rotation.reseal_certificate(credential)
                except (CannotDecrypt, OSError):
                    unreadable.append(credential.encryption_context)
                bar.update()
        return unreadable

    def _seeds(self) -> list[str]:
        unreadable = []
        outdated = rotation.outdated_seeds()
        with self._bar("mfa_authenticator.data", len(outdated)) as bar:
            for row in outdated:
                try:
                    rotation.reseal_seeds(row)
                except CannotDecrypt:
                    unreadable.append(f"mfa_authenticator.data:{row.pk}")
                bar.update()
        return unreadable

    def _bar(self, name: str, total: int) -> "tqdm[Any]":
        return tqdm(total=total, desc=name, unit="value", file=self.stderr, mininterval=0.5)
