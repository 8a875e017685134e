"""Claims as bytes: those of xrpl-py's codec, over all combinations of fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core import binarycodec
from xrpl.core.addresscodec import encode_classic_address

from watchtower.keys.claim_encoding import claim_to_sign, decode_claim, encode_claim

U32 = st.integers(0, 2**32 - 1)
DROPS = st.integers(0, 10**17).map(str)
BLOB = st.binary(max_size=192).map(lambda data: data.hex().upper())
ACCOUNT = encode_classic_address(bytes(range(20)))
CLAIM = st.fixed_dictionaries(
    {"TransactionType": st.just("PaymentChannelClaim")},
    optional={
        "Account": st.binary(min_size=20, max_size=20).map(encode_classic_address),
        "Amount": DROPS,
        "Balance": DROPS,
        "Delegate": st.binary(min_size=20, max_size=20).map(encode_classic_address),
        "Channel": st.binary(min_size=32, max_size=32).map(lambda data: data.hex().upper()),
        "Fee": DROPS,
        "Flags": U32,
        "LastLedgerSequence": U32,
        "NetworkID": U32,
        "PublicKey": BLOB,
        "Sequence": U32,
        "Signature": BLOB,
        "SigningPubKey": BLOB,
        "TicketSequence": U32,
        "TxnSignature": BLOB,
    },
)


@given(CLAIM)
def test_bytes_and_fields_are_those_of_xrpl_py(fields: dict[str, Any]) -> None:
    """Written, read back, and what is signed: whichever fields there are."""
    data = encode_claim(fields)

    assert data.hex().upper() == binarycodec.encode(fields)
    assert decode_claim(data) == binarycodec.decode(data.hex()) == fields
    assert claim_to_sign(fields).hex().upper() == binarycodec.encode_for_signing(fields)


@given(CLAIM, st.data())
def test_damaged_bytes_are_refused_or_read_as_what_they_are(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    """What is read has these bytes and no others, and says what xrpl-py says of them."""
    damaged = bytearray(encode_claim(fields))
    at = data.draw(st.integers(0, len(damaged) - 1))
    match data.draw(st.sampled_from(["change", "cut", "repeat"])):
        case "change":
            damaged[at] = data.draw(st.integers(0, 255))
        case "cut":
            del damaged[at : at + data.draw(st.integers(1, 9))]
        case _:
            damaged[at:at] = damaged[at : at + data.draw(st.integers(1, 9))]
    try:
        read = decode_claim(bytes(damaged))
    except ValueError:
        return

    assert encode_claim(read) == bytes(damaged)
    assert read == binarycodec.decode(damaged.hex())


@pytest.mark.parametrize(
    "surplus",
    [
        {"TransactionType": "Payment"},
        {"Memos": []},
        {"Delegate": "rNobody"},
        {"Delegate": None},
        {"Flags": -1},
        {"Flags": 2**32},
        {"Flags": True},
        {"Sequence": "7"},
        {"Fee": 10},
        {"Fee": "-1"},
        {"Fee": "1.5"},
        {"Fee": str(10**17 + 1)},
        {"Amount": {"currency": "USD", "issuer": ACCOUNT, "value": "1"}},
        {"Channel": "AB"},
        {"Channel": "Z" * 64},
        {"PublicKey": None},
        {"Signature": "A"},
        {"Signature": "AB" * 193},
        {"Account": "rNobody"},
        {"Account": ACCOUNT[:-1]},
    ],
)
def test_what_stands_in_no_claim_is_refused(surplus: dict[str, Any]) -> None:
    """No field is left out in silence, and no value is bent into another."""
    good = {"TransactionType": "PaymentChannelClaim", "Account": ACCOUNT, "Fee": "10"}
    assert encode_claim(good)

    with pytest.raises(ValueError, match=r"."):
        encode_claim({**good, **surplus})


def test_bytes_of_nothing_are_no_claim() -> None:
    """An empty text decodes to no transaction."""
    with pytest.raises(ValueError, match="not the bytes of a claim"):
        decode_claim(b"")
