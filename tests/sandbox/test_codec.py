"""Our codec against xrpl-py's: the same bytes, the same fields, and the same refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core import binarycodec
from xrpl.core.binarycodec.definitions import definitions

from watchtower.sandbox import codec
from watchtower.sandbox.addresses import address_text

ADDRESS = st.binary(min_size=20, max_size=20).map(address_text)
U32 = st.integers(0, 2**32 - 1)
DROPS = st.integers(0, 10**17).map(str)
BLOB = st.binary(max_size=80).map(lambda data: data.hex().upper())
HASH = st.binary(min_size=32, max_size=32).map(lambda data: data.hex().upper())
MEMO = st.fixed_dictionaries(
    {"Memo": st.fixed_dictionaries({}, optional={"MemoData": BLOB, "MemoType": BLOB})}
)
SIGNER = st.fixed_dictionaries(
    {
        "Signer": st.fixed_dictionaries(
            {"Account": ADDRESS, "SigningPubKey": BLOB, "TxnSignature": BLOB}
        )
    }
)
SIGNER_ENTRY = st.fixed_dictionaries(
    {
        "SignerEntry": st.fixed_dictionaries(
            {"Account": ADDRESS, "SignerWeight": st.integers(0, 65535)}
        )
    }
)
OPTIONAL = {
    "Amount": DROPS,
    "Authorize": ADDRESS,
    "Balance": DROPS,
    "CancelAfter": U32,
    "Channel": HASH,
    "Delegate": ADDRESS,
    "Destination": ADDRESS,
    "DestinationTag": U32,
    "Domain": BLOB,
    "EmailHash": st.binary(min_size=16, max_size=16).map(lambda data: data.hex().upper()),
    "Expiration": U32,
    "Flags": U32,
    "LastLedgerSequence": U32,
    "Memos": st.lists(MEMO, max_size=3),
    "PublicKey": BLOB,
    "SetFlag": U32,
    "SettleDelay": U32,
    "Signature": BLOB,
    "SignerEntries": st.lists(SIGNER_ENTRY, max_size=3),
    "Signers": st.lists(SIGNER, max_size=3),
    "TicketSequence": U32,
    "TxnSignature": BLOB,
}
TRANSACTION = st.fixed_dictionaries(
    {
        "TransactionType": st.sampled_from(sorted(codec._TYPES)),
        "Account": ADDRESS,
        "Sequence": U32,
        "Fee": DROPS,
        "SigningPubKey": BLOB,
    },
    optional=OPTIONAL,
)
BESIDE_THE_TABLE: list[dict[str, Any]] = [
    {"Amount": {"currency": "USD", "issuer": address_text(bytes(20)), "value": "1.5"}},
    {"Amount": "100", "Paths": [[{"currency": "USD"}]]},
    {"Account": address_text(bytes(20)), "TransactionType": "OfferCreate", "Sequence": 1},
    {"MemoData": "AB" * 300},
    {"Flags": "7"},
    {"TickSize": 5, "Fee": "10"},
    {"CredentialIDs": ["A" * 64]},
    {"Permissions": [{"Permission": {"PermissionValue": "Payment"}}]},
]


@given(TRANSACTION)
def test_bytes_and_fields_are_those_of_xrpl_py(fields: dict[str, Any]) -> None:
    """Whatever the combination of fields, and in all four directions."""
    blob = codec.encode(fields)
    signer = fields["Account"]

    assert blob == binarycodec.encode(fields)
    assert codec.decode(blob) == binarycodec.decode(blob) == fields
    assert codec.message_to_sign(fields).hex().upper() == binarycodec.encode_for_signing(fields)
    assert codec.message_to_multisign(
        fields, signer
    ).hex().upper() == binarycodec.encode_for_multisigning(fields, signer)


@given(TRANSACTION)
def test_a_plain_transaction_needs_no_other_codec(fields: dict[str, Any]) -> None:
    """The fast way is taken: what it returns is read from the bytes themselves."""
    assert codec.read_plain(bytes.fromhex(binarycodec.encode(fields))) == fields


@given(TRANSACTION, st.data())
def test_damaged_bytes_are_read_as_xrpl_py_reads_them(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    """What we read ourselves has one form alone, which is the bytes that came."""
    blob = bytearray.fromhex(codec.encode(fields))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(blob) - 1))
        match data.draw(st.sampled_from(["change", "cut", "repeat"])):
            case "change":
                blob[at] = data.draw(st.integers(0, 255))
            case "cut":
                del blob[at : at + data.draw(st.integers(0, 9))]
            case _:
                blob[at:at] = blob[at : at + data.draw(st.integers(1, 9))]
        if not blob:
            return
    try:
        read = codec.read_plain(bytes(blob))
    except ValueError:
        return

    assert read == binarycodec.decode(bytes(blob).hex().upper())
    assert binarycodec.encode(read) == bytes(blob).hex().upper()


@pytest.mark.parametrize("fields", BESIDE_THE_TABLE)
def test_what_is_not_plain_fares_as_it_fares_with_xrpl_py(fields: dict[str, Any]) -> None:
    """Other currencies, other types, long blobs, numbers as text: the other codec's to judge."""
    blob = codec.encode(fields)

    assert blob == binarycodec.encode(fields)
    assert codec.decode(blob) == binarycodec.decode(blob)
    assert codec.message_to_sign(fields).hex().upper() == binarycodec.encode_for_signing(fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Fee", "-1"),
        ("Fee", "1.5"),
        ("Fee", str(10**17 + 1)),
        ("Fee", 10),
        ("Sequence", -1),
        ("Sequence", 2**32),
        ("Sequence", "x"),
        ("Channel", "AB"),
        ("Channel", "Z" * 64),
        ("SigningPubKey", 7),
        ("Account", "rNobody"),
        ("TransactionType", "Nothing"),
        ("Memos", {}),
        ("NoSuchField", 1),
    ],
)
def test_what_cannot_be_encoded_is_refused_by_xrpl_py(name: str, value: object) -> None:
    """We make no bytes of it, and the error is the other codec's own, or its bytes."""
    fields = {"TransactionType": "Payment", "Account": address_text(bytes(20)), name: value}
    outcomes = []
    for encode in (codec.encode, binarycodec.encode):
        try:
            outcomes.append(encode(fields))
        except Exception as error:  # noqa: BLE001 - the codec raises what it likes
            outcomes.append(repr(error))

    assert outcomes[0] == outcomes[1]


def test_memos_within_memos_end_in_a_refusal() -> None:
    """However deep a client nests them."""
    deep = "F9EA" * 5_000
    with pytest.raises(RecursionError):
        codec.decode(deep)


def test_every_field_is_the_one_of_the_definitions() -> None:
    """Type, number, and whether it is signed; the types of transactions too."""
    for field in codec._BY_NAME.values():
        known = definitions.get_field_instance(field.name)

        assert field.ordinal == known.ordinal
        assert field.header == bytes(known.header)
        assert field.signed == known.is_signing
    for name, number in codec._TYPES.items():
        assert definitions.get_transaction_type_code(name) == number
