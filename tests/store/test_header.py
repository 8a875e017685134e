"""Only the passphrase opens a slot, and only as it was written."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tests.store.make import CHEAP
from watchtower.store.header import DEFAULT_COST, Cost, Slot, checksum, unwrap, wrap

MASTER = bytes(range(32))


def _slot(passphrase: str = "correct horse") -> Slot:
    return wrap(MASTER, passphrase, store_format=1, cost=CHEAP)


def test_the_passphrase_gives_the_master_key_back() -> None:
    """And the slot does not contain it."""
    slot = _slot()
    assert unwrap(slot, "correct horse", store_format=1) == MASTER
    assert MASTER not in slot.wrapped


@pytest.mark.parametrize("wrong", ["", "correct horse ", "Correct horse", "correct  horse"])
def test_a_wrong_passphrase_gives_nothing(wrong: str) -> None:
    """Near is not enough."""
    assert unwrap(_slot(), wrong, store_format=1) is None


def test_composed_and_decomposed_letters_are_one_passphrase() -> None:
    """Keyboards differ in how they write an umlaut; people do not see it."""
    assert unwrap(_slot("schl\u00fcssel"), "schlu\u0308ssel", store_format=1) == MASTER


def test_a_slot_opens_nothing_that_is_older_than_it() -> None:
    """Nobody can make a store pass for an older format; one that grew newer opens as before."""
    slot = wrap(MASTER, "correct horse", store_format=2, cost=CHEAP)
    assert unwrap(slot, "correct horse", store_format=1) is None
    assert unwrap(slot, "correct horse", store_format=2) == MASTER
    assert unwrap(slot, "correct horse", store_format=4) == MASTER


def test_every_changed_byte_of_a_slot_fails() -> None:
    """The parameters of the derivation are authenticated like the key itself."""
    slot = _slot()
    for index in range(len(slot.wrapped)):
        changed = replace(slot, wrapped=_flip(slot.wrapped, index))
        assert unwrap(changed, "correct horse", store_format=1) is None
    for index in range(len(slot.parameters)):
        changed = replace(slot, parameters=_flip(slot.parameters, index))
        assert unwrap(changed, "correct horse", store_format=1) is None
    assert unwrap(replace(slot, kind="key file"), "correct horse", store_format=1) is None


@pytest.mark.parametrize(
    "told",
    [
        {"memory_kib": 2**40, "passes": 1, "lanes": 1},
        {"memory_kib": 8, "passes": 2**31, "lanes": 1},
        {"memory_kib": 8, "passes": 1, "lanes": 2},
        {"memory_kib": 8, "passes": 0, "lanes": 1},
        {"memory_kib": -8, "passes": 1, "lanes": 1},
    ],
)
def test_absurd_parameters_are_refused_before_they_cost_anything(told: dict[str, int]) -> None:
    """A forged header must not exhaust the memory of the machine that opens it."""
    forged = msgspec.msgpack.encode({**told, "salt": bytes(16)})
    assert unwrap(replace(_slot(), parameters=forged), "correct horse", store_format=1) is None


def test_the_default_is_the_second_choice_of_rfc_9106() -> None:
    """64 MiB, three passes, four lanes."""
    assert Cost(memory_kib=65536, passes=3, lanes=4) == DEFAULT_COST


def test_the_checksum_notices_every_part_of_the_header() -> None:
    """Format, kind, parameters, key, and where one ends and the next begins."""
    slot = Slot(kind="passphrase", parameters=b"ab", wrapped=b"cd")
    variants = [
        checksum(1, [slot]),
        checksum(2, [slot]),
        checksum(1, []),
        checksum(1, [slot, slot]),
        checksum(1, [replace(slot, kind="passphrasf")]),
        checksum(1, [replace(slot, parameters=b"abc", wrapped=b"d")]),
    ]
    assert len(set(variants)) == len(variants)


def _flip(text: bytes, index: int) -> bytes:
    return text[:index] + bytes([text[index] ^ 0x01]) + text[index + 1 :]
