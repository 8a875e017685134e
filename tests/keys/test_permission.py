"""What is not spelt out is not signed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.keys.conftest import ED25519_ACCOUNT, SECP256K1_ACCOUNT
from watchtower.keys.permission import why_not
from watchtower.units import Drops

CAP = Drops(1000)

GOOD: dict[str, Any] = {
    "TransactionType": "PaymentChannelClaim",
    "Account": SECP256K1_ACCOUNT,
    "Channel": "C5" * 32,
    "Amount": "500",
    "Balance": "400",
    "Signature": "AB" * 64,
    "PublicKey": "ED" + "5A" * 32,
    "Fee": "1000",
    "LastLedgerSequence": 108,
    "Sequence": 7,
}


def _why_not(**changes: object) -> str | None:
    changed = {**GOOD, **changes}
    transaction = {field: value for field, value in changed.items() if value is not None}
    return why_not(transaction, [SECP256K1_ACCOUNT], CAP)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Flags": 0},
        {"Flags": 0x80000000},
        {"Balance": "500"},
        {"NetworkID": 21337},
        {"Sequence": 0, "TicketSequence": 9},
    ],
)
def test_a_claim_of_ours_may_be_signed(changes: dict[str, object]) -> None:
    """On a sequence or a ticket, up to all of the claim and all of the fee."""
    assert _why_not(**changes) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"TransactionType": "Payment"}, "nothing but PaymentChannelClaim"),
        ({"TransactionType": None}, "nothing but PaymentChannelClaim"),
        ({"Account": ED25519_ACCOUNT}, "not from an account in the configuration"),
        ({"Flags": 0x00020000}, "tfClose"),
        ({"Flags": 0x00010000}, "tfRenew"),
        ({"Flags": 0x80020000}, "tfClose"),
        ({"Flags": 0x40000000}, "flags"),
        ({"Flags": True}, "Flags is not a number"),
        ({"Flags": "131072"}, "Flags is not a number"),
        ({"Fee": "1001"}, "above the cap of 1000"),
        ({"Fee": "0"}, "Fee has to be drops"),
        ({"Fee": "-5"}, "Fee has to be drops"),
        ({"Fee": 10}, "Fee has to be drops"),
        ({"Fee": "1e3"}, "Fee has to be drops"),
        ({"Signature": None}, "has no Signature"),
        ({"PublicKey": None}, "has no PublicKey"),
        ({"Balance": None, "Amount": None}, "has no Amount, Balance"),
        ({"Balance": "501"}, "above what the claim allows"),
        ({"Balance": "0"}, "above zero"),
        ({"Amount": {"currency": "USD", "issuer": ED25519_ACCOUNT, "value": "1"}}, "above zero"),
        ({"Amount": "999999999999999999"}, "above zero"),
        ({"Channel": "c5" * 32}, "Channel is not"),
        ({"Channel": "C5" * 31}, "Channel is not"),
        ({"Signature": "AB" * 73}, "Signature is not"),
        ({"PublicKey": "04" + "5A" * 32}, "PublicKey is not"),
        ({"PublicKey": b"ED"}, "PublicKey is not"),
        ({"LastLedgerSequence": None}, "has no LastLedgerSequence"),
        ({"LastLedgerSequence": 0}, "never lapse"),
        ({"LastLedgerSequence": 2**32}, "LastLedgerSequence is not a number"),
        ({"Sequence": 7, "TicketSequence": 9}, "either a Sequence or a TicketSequence"),
        ({"Sequence": 0}, "either a Sequence or a TicketSequence"),
        ({"Delegate": ED25519_ACCOUNT}, "does not sign the field Delegate"),
        ({"Memos": []}, "does not sign the field Memos"),
        ({"Signers": []}, "does not sign the field Signers"),
        ({"SigningPubKey": ""}, "does not sign the field SigningPubKey"),
        ({"TxnSignature": "00"}, "does not sign the field TxnSignature"),
    ],
)
def test_anything_else_is_refused_with_its_reason(changes: dict[str, object], why: str) -> None:
    """Each from a transaction that would be signed without the change."""
    reason = _why_not(**changes)
    assert reason is not None
    assert why in reason
