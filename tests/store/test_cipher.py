"""A seal holds at one place, for one version, under one master key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.store.cipher import Keyring, Place, new_master_key

MASTER = bytes(range(32))
PLACE = Place("claims", b"row 1", b"topic 1", 3)


@given(text=st.binary(max_size=300), row=st.binary(max_size=40), version=st.integers(1, 2**40))
def test_what_was_sealed_comes_back(text: bytes, row: bytes, version: int) -> None:
    """Any text, zeros and padding bytes at its end included."""
    keys = Keyring(MASTER)
    place = Place("claims", row, b"", version)
    assert keys.unseal(place, keys.seal(place, text)) == text


@pytest.mark.parametrize(
    "elsewhere",
    [
        PLACE._replace(table="keys"),
        PLACE._replace(row=b"row 2"),
        PLACE._replace(topic=b"topic 2"),
        PLACE._replace(version=4),
        PLACE._replace(version=2),
        # The same bytes in the same order, divided differently.
        PLACE._replace(row=b"row 1topic 1", topic=b""),
    ],
)
def test_a_moved_or_relabelled_record_fails(elsewhere: Place) -> None:
    """Another table, row, topic or version is another place."""
    keys = Keyring(MASTER)
    sealed = keys.seal(PLACE, b"12 drops")
    assert keys.unseal(elsewhere, sealed) is None
    assert keys.unseal(PLACE, sealed) == b"12 drops"


def test_every_changed_bit_fails() -> None:
    """Nonce, ciphertext and tag are all authenticated."""
    keys = Keyring(MASTER)
    sealed = keys.seal(PLACE, b"12 drops")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert keys.unseal(PLACE, bytes(changed)) is None


def test_every_cut_fails() -> None:
    """A record that ends early fails, also when nothing is left of it."""
    keys = Keyring(MASTER)
    sealed = keys.seal(PLACE, b"12 drops")
    assert [keys.unseal(PLACE, sealed[:size]) for size in range(len(sealed))] == [None] * len(
        sealed
    )


def test_another_master_key_opens_nothing() -> None:
    """What another store sealed at the same place is not ours."""
    assert Keyring(new_master_key()).unseal(PLACE, Keyring(MASTER).seal(PLACE, b"12 drops")) is None


def test_the_length_of_a_record_tells_no_amount() -> None:
    """One drop and all there is take the same space."""
    keys = Keyring(MASTER)
    assert len(keys.seal(PLACE, b"1")) == len(keys.seal(PLACE, b"100000000000000000"))


def test_sealing_twice_shows_nothing_in_common() -> None:
    """The same text at the same place: a fresh nonce makes another record."""
    keys = Keyring(MASTER)
    assert keys.seal(PLACE, b"12 drops")[:12] != keys.seal(PLACE, b"12 drops")[:12]


def test_one_name_has_unrelated_rows_in_every_table_purpose_and_store() -> None:
    """A thief cannot tell that two tables, or two stores, speak of the same channel."""
    mine, other = Keyring(MASTER), Keyring(new_master_key())
    marks = [
        mine.row("claims", "C5A1"),
        mine.row("keys", "C5A1"),
        mine.topic("claims", "C5A1"),
        other.row("claims", "C5A1"),
    ]
    assert len(set(marks)) == len(marks)
    assert mine.row("claims", "C5A1") == Keyring(MASTER).row("claims", "C5A1")


def test_each_sealing_has_its_own_share_of_the_census() -> None:
    """An earlier sealing of the same version does not count as the one that replaced it."""
    keys = Keyring(MASTER)
    one, two = keys.seal(PLACE, b"12 drops"), keys.seal(PLACE, b"12 drops")
    assert keys.share(PLACE, one) != keys.share(PLACE, two)
    assert keys.share(PLACE, one) != keys.share(PLACE._replace(version=4), one)


def test_keys_do_not_show_in_repr() -> None:
    """A keyring in a log or a traceback gives nothing away."""
    assert MASTER.hex() not in repr(Keyring(MASTER)).lower()
    assert repr(MASTER) not in repr(Keyring(MASTER))
