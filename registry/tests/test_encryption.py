import base64

import pytest
from django.conf import LazySettings

from registry.encryption import CannotDecrypt, decrypt, encrypt

HERE = "appointments.patient_reference:1"
THERE = "appointments.patient_reference:2"


def key(letter: str) -> str:
    return base64.urlsafe_b64encode(letter.encode() * 32).decode()


@pytest.fixture(autouse=True)
def _one_key(settings: LazySettings) -> None:
    settings.FIELD_KEYS = [f"1:{key('a')}"]


def test_what_is_sealed_opens_in_its_place() -> None:
    assert decrypt(encrypt(b"secret", context=HERE), context=HERE) == b"secret"


def test_nothing_of_the_plain_value_shows() -> None:
    assert b"secret" not in encrypt(b"secret", context=HERE)


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert encrypt(b"secret", context=HERE) != encrypt(b"secret", context=HERE)


def test_it_does_not_open_elsewhere() -> None:
    sealed = encrypt(b"secret", context=HERE)

    with pytest.raises(CannotDecrypt):
        decrypt(sealed, context=THERE)


def test_it_does_not_open_with_another_key(settings: LazySettings) -> None:
    sealed = encrypt(b"secret", context=HERE)
    settings.FIELD_KEYS = [f"1:{key('b')}"]

    with pytest.raises(CannotDecrypt):
        decrypt(sealed, context=HERE)


def test_it_does_not_open_when_its_key_is_gone(settings: LazySettings) -> None:
    sealed = encrypt(b"secret", context=HERE)
    settings.FIELD_KEYS = [f"2:{key('a')}"]

    with pytest.raises(CannotDecrypt):
        decrypt(sealed, context=HERE)


def test_no_byte_can_be_altered() -> None:
    sealed = encrypt(b"secret", context=HERE)

    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(CannotDecrypt):
            decrypt(bytes(altered), context=HERE)


@pytest.mark.parametrize("length", [0, 1, 2, 13, 14, 20])
def test_a_cut_value_does_not_open(length: int) -> None:
    with pytest.raises(CannotDecrypt):
        decrypt(encrypt(b"secret", context=HERE)[:length], context=HERE)


def test_after_rotation_old_values_open_and_new_ones_use_the_new_key(
    settings: LazySettings,
) -> None:
    old = encrypt(b"old", context=HERE)
    settings.FIELD_KEYS = [f"1:{key('a')}", f"2:{key('b')}"]
    new = encrypt(b"new", context=HERE)

    assert decrypt(old, context=HERE) == b"old"
    assert (old[1], new[1]) == (1, 2)
    settings.FIELD_KEYS = [f"2:{key('b')}"]
    assert decrypt(new, context=HERE) == b"new"
