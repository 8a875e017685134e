"""Signed receipts: whoever has the tower's key can tell a true one from every other."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from nacl.signing import SigningKey

from tests.claims.test_group import CHANNELS, KEYS, signed
from watchtower.claims.receipt import (
    Held,
    Receipt,
    State,
    WhyVoid,
    receipts_for,
    why_void,
)
from watchtower.errors import ReceiptFormatError
from watchtower.units import Drops

KEY = SigningKey(b"\x07" * 32)
TOWER = f"ED{KEY.verify_key.encode().hex().upper()}"
AT = 1_790_000_000_123

HELD = [
    Held(signed(CHANNELS[number % 3], number + 1, KEYS[0]), state)
    for number, state in enumerate([State.KEPT, State.PENDING, State.KEPT, State.KEPT, State.KEPT])
]


def receipts(held: list[Held] | None = None) -> list[Receipt]:
    """What the tower signs for a group."""
    return receipts_for(
        HELD if held is None else held,
        tower=TOWER,
        at=AT,
        sign=lambda message: KEY.sign(message).signature,
    )


def text_of(receipt: Receipt) -> bytes:
    """The receipt as it is sent."""
    return msgspec.json.encode(receipt.message())


def test_one_signature_stands_for_the_whole_group() -> None:
    """Signing costs the same for one claim and for a thousand."""
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        return KEY.sign(message).signature

    given_out = receipts_for(HELD, tower=TOWER, at=AT, sign=sign)

    assert len(asked) == 1
    assert [why_void(one, TOWER) for one in given_out] == [None] * len(HELD)


def test_what_is_signed_is_known_to_the_byte() -> None:
    """The layout is an interface: another program may verify it."""
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        return KEY.sign(message).signature

    receipts_for(HELD[:1], tower=TOWER, at=AT, sign=sign)
    (statement,) = asked

    assert statement[:22] == b"watchtower receipt v1\0"
    assert statement[22:26] == bytes.fromhex("00000001")
    assert statement[26:34] == AT.to_bytes(8)
    leaf = HELD[0].leaf
    assert len(leaf) == 74
    assert leaf[:32].hex().upper() == HELD[0].claim.channel
    assert leaf[32:40] == (1).to_bytes(8)
    assert leaf[40:73].hex().upper() == HELD[0].claim.public_key
    assert (HELD[0].leaf[73], HELD[1].leaf[73]) == (0, 1)


@given(st.integers(1, 40), st.data())
def test_a_receipt_survives_its_journey(size: int, data: st.DataObject) -> None:
    """What is read is what was signed, alone or inside the answer."""
    held = [replace_amount(number + 1) for number in range(size)]
    receipt = data.draw(st.sampled_from(receipts(held)))
    inside = msgspec.json.encode({"kept": True, "receipt": receipt.message()})

    assert Receipt.parse(text_of(receipt)) == receipt
    assert Receipt.parse(inside) == receipt
    assert why_void(receipt, TOWER) is None


def replace_amount(drops: int) -> Held:
    """A claim that nobody signed: receipts look at no signature of a payer."""
    return Held(replace(HELD[0].claim, amount=Drops(drops)), State.KEPT)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": Drops(2)}, WhyVoid.BAD_SIGNATURE),
        ({"channel": CHANNELS[1]}, WhyVoid.BAD_SIGNATURE),
        ({"public_key": "02" + "AB" * 32}, WhyVoid.BAD_SIGNATURE),
        ({"state": State.PENDING}, WhyVoid.BAD_SIGNATURE),
        ({"at": AT + 1}, WhyVoid.BAD_SIGNATURE),
        ({"index": 1}, WhyVoid.BAD_SIGNATURE),
        ({"size": 6}, WhyVoid.BAD_SIGNATURE),
        ({"size": 1}, WhyVoid.NO_SUCH_LEAF),
        ({"path": ()}, WhyVoid.NO_SUCH_LEAF),
        ({"signature": bytes(64)}, WhyVoid.BAD_SIGNATURE),
        ({"tower": "ED" + "AB" * 32}, WhyVoid.ANOTHER_TOWER),
    ],
)
def test_whatever_is_changed_makes_it_void(changes: dict[str, object], why: WhyVoid) -> None:
    """Neither the holder nor anybody on the way can make more of it."""
    receipt = receipts()[0]

    assert why_void(receipt, TOWER) is None
    assert why_void(replace(receipt, **changes), TOWER) is why


def test_another_towers_signature_under_our_name_is_void() -> None:
    """To write our key into a receipt is not to have it."""
    stranger = SigningKey(b"\x08" * 32)
    forged = receipts_for(
        HELD, tower=TOWER, at=AT, sign=lambda message: stranger.sign(message).signature
    )

    assert why_void(forged[0], TOWER) is WhyVoid.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changes",
    [
        {"tower": "ED12"},
        {"tower": "é" * 66},
        {"channel": "12"},
        {"amount": "1.5XRP"},
        {"amount": "01"},
        {"amount": 1},
        {"amount": "-1"},
        {"state": "sold"},
        {"at": -1},
        {"at": 1 << 64},
        {"at": True},
        {"index": -1},
        {"index": 5},
        {"size": 1 << 32},
        {"path": ["12"]},
        {"path": ["00" * 32] * 33},
        {"signature": "00" * 63},
        {"more": 1},
    ],
)
def test_what_is_no_receipt_is_told_so(changes: dict[str, object]) -> None:
    """One error, whatever is wrong."""
    fields = msgspec.to_builtins(receipts()[0].message()) | changes

    with pytest.raises(ReceiptFormatError):
        Receipt.parse(msgspec.json.encode(fields))


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_is_read_is_a_receipt_or_that_error(text: bytes) -> None:
    """No other exception leaves the parser."""
    with pytest.raises(ReceiptFormatError):
        Receipt.parse(text)


def test_deep_nesting_is_no_receipt() -> None:
    """And does not end the process."""
    with pytest.raises(ReceiptFormatError):
        Receipt.parse(b'{"receipt":' * 100_000)
