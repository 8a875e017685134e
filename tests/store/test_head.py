"""A head says how far a store has come, and nobody but the tower can say it."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from watchtower.store.head import (
    MOST_BYTES,
    Finding,
    Head,
    Missing,
    Standing,
    glance,
    missing_of,
    sign_head,
)
from watchtower.store.tree import Frontier, leaf_hash

KEY = SigningKey(b"k" * 32)
TOWER = f"ED{KEY.verify_key.encode().hex().upper()}"
OTHER = SigningKey(b"o" * 32)
OTHER_TOWER = f"ED{OTHER.verify_key.encode().hex().upper()}"
STORE = b"s" * 16


def frontier(size: int, of: bytes = b"") -> Frontier:
    """The frontier of a journal with so many lines, as one copy of the store has written it."""
    return Frontier().grown(leaf_hash(of + bytes([n])) for n in range(size))


def standing(size: int = 5, version: int = 9, of: bytes = b"", **more: object) -> Standing:
    """How far a store has come."""
    facts = {"store": STORE, "network": 21337, "version": version, "frontier": frontier(size, of)}
    return Standing(**{**facts, **more})  # type: ignore[arg-type]  # what a test wants to differ


def head(stood: Standing, key: SigningKey = KEY, tower: str = TOWER) -> Head:
    """A head that a tower signed."""
    return sign_head(stood, tower=tower, at=1_700_000_000_000, sign=lambda m: key.sign(m).signature)


@given(st.integers(0, 200), st.integers(0, 2**40), st.sampled_from([None, 0, 1, 21337]))
def test_a_head_is_read_as_it_was_written(size: int, version: int, network: int | None) -> None:
    """And it is signed, whatever it says."""
    made = head(standing(size, version, network=network))

    assert Head.read(made.encoded()) == made
    assert made.is_signed
    assert len(made.encoded()) < MOST_BYTES


def test_every_byte_of_a_head_counts() -> None:
    """Whichever of them somebody changes: it is no head, or nobody signed it."""
    text = head(standing()).encoded()
    for index in range(len(text) - 1):
        for bit in (0, 3, 5):
            changed = bytearray(text)
            changed[index] ^= 1 << bit
            read = Head.read(bytes(changed))
            if read is not None and msgspec.json.decode(bytes(changed)) != json.loads(text):
                assert not read.is_signed or read == Head.read(text), changed


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 6},
        {"size": -1},
        {"version": 10},
        {"version": -1},
        {"version": 2**63},
        {"network": 1},
        {"network": None},
        {"network": 2**32},
        {"store": "00" * 16},
        {"store": "00"},
        {"at": 1},
        {"root": "00" * 32},
        {"peaks": ["00" * 32, "11" * 32]},
        {"peaks": []},
        {"tower": OTHER_TOWER},
        {"tower": "ED"},
        {"signature": "00" * 64},
        {"signature": ""},
        {"more": 1},
    ],
)
def test_what_is_changed_makes_it_void(changes: dict[str, object]) -> None:
    """Each fact of it is signed; what is not, follows from what is."""
    message = json.loads(head(standing()).encoded())
    found = Head.read(json.dumps({**message, **changes}).encode())

    assert glance(found, standing(), TOWER) is Finding.TAMPERED


@given(st.binary(max_size=300))
def test_anything_else_is_no_head(text: bytes) -> None:
    """And never an exception."""
    assert Head.read(text) is None


@pytest.mark.parametrize(
    ("then", "finding"),
    [
        (standing(5, 9), Finding.FINE),
        (standing(5, 8), None),
        (standing(4, 8), None),
        (standing(5, 10), None),
        (standing(6, 10), Finding.OLDER),
        (standing(6, 9), Finding.OLDER),
        (standing(4, 9), Finding.FORKED),
        (standing(5, 9, b"other"), Finding.FORKED),
        (standing(5, 9, store=b"t" * 16), Finding.ANOTHER_STORE),
        (standing(5, 9, network=1), Finding.ANOTHER_STORE),
        (standing(5, 9, network=None), Finding.FINE),
    ],
)
def test_what_is_seen_at_a_glance(then: Standing, finding: Finding | None) -> None:
    """The rest is for the tree to say."""
    assert glance(head(then), standing(5, 9), TOWER) is finding


def test_a_head_that_another_tower_signed_is_of_another_store() -> None:
    """Also if it names our store; and if it says that we did it is tampered with."""
    assert glance(head(standing(), OTHER, OTHER_TOWER), standing(), TOWER) is Finding.ANOTHER_STORE
    assert glance(head(standing(), OTHER, TOWER), standing(), TOWER) is Finding.TAMPERED


def test_a_store_that_was_put_back_behind_its_identity_is_older() -> None:
    """It does not know its own key yet, and must not take the head for a stranger's."""
    assert glance(head(standing(6, 10)), standing(5, 9), None) is Finding.OLDER


def test_how_much_is_missing_is_told() -> None:
    """In lines and in changes; what is further than the head lacks nothing."""
    assert missing_of(head(standing(7, 20)), standing(5, 9)) == Missing(2, 11)
    assert missing_of(head(standing(5, 20)), standing(6, 9)) == Missing(0, 11)
