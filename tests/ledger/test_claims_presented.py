"""Claims that transactions present: what proves itself is told, and nothing stops for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from watchtower.ledger.claims_presented import claim_presented
from watchtower.ledger.events import ChannelChanged, ChannelEntry, ClaimPresented, Position
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
CHANNEL = ChannelId("C" * 64)
AT = Position(LedgerIndex(105), 3)
OWN = TxHash("A" * 64)
FIELDS: dict[str, Any] = {
    "TransactionType": "PaymentChannelClaim",
    "Account": PAYEE,
    "Channel": CHANNEL,
    "Amount": "80",
    "Balance": "20",
    "Signature": "ab12",
}
TOUCHED = ChannelChanged(
    entry=ChannelEntry(
        channel=CHANNEL,
        source=PAYER,
        destination=PAYEE,
        amount=Drops(100),
        balance=Drops(20),
        public_key="02",
        settle_delay=3600,
    ),
    at=AT,
    transaction=OWN,
    paid=Drops(15),
)


def read(
    accounts: set[Address] | None, *touched: ChannelChanged, **changes: Any
) -> ClaimPresented | None:
    """Return what is read from the fields with ``changes``; None takes one away."""
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value is not None}
    return claim_presented(fields, touched, accounts, at=AT, transaction=OWN)


def test_claim_on_a_channel_from_one_of_ours_is_told_with_what_it_paid() -> None:
    """The amount is what was signed; what was paid is the metadata's."""
    assert read({PAYER}, TOUCHED) == ClaimPresented(
        channel=CHANNEL,
        sender=PAYEE,
        amount=Drops(80),
        signature="AB12",
        balance=Drops(20),
        paid=Drops(15),
        at=AT,
        transaction=OWN,
    )


def test_signature_is_over_the_balance_where_there_is_no_amount() -> None:
    """As the ledger has it."""
    found = read({PAYER}, TOUCHED, Amount=None)
    assert found is not None
    assert found.amount == 20


def test_payment_of_the_source_is_told_without_a_signature() -> None:
    """It moved the channel, so it has to be explained."""
    found = read({PAYER}, TOUCHED, Account=PAYER, Amount=None, Signature=None)
    assert found is not None
    assert (found.sender, found.signature) == (PAYER, "")


def test_claims_of_others_are_not_our_affair() -> None:
    """A payee that redeems ten thousand channels is told no fact more for it."""
    assert read({PAYEE}, TOUCHED) is None
    assert read({PAYER}) is None
    assert read(None, TOUCHED) is not None


def test_claim_that_changed_nothing_is_told_of_a_sender_of_ours() -> None:
    """Where both sides are guarded here, a server tells of claims that the ledger refused."""
    found = read({PAYEE})
    assert found is not None
    assert (found.balance, found.paid) == (0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"TransactionType": "PaymentChannelFund"},
        {"Amount": None, "Balance": None},
        {"Amount": {"currency": "USD", "value": "1", "issuer": PAYEE}},
        {"Amount": 80},
        {"Amount": "a lot"},
        {"Channel": None},
        {"Channel": "C5"},
        {"Account": "nobody"},
    ],
)
def test_what_is_no_claim_on_xrp_is_passed_over(changes: dict[str, Any]) -> None:
    """The cursor stops for a channel that cannot be read, not for what nobody can have signed."""
    assert read({PAYER}, TOUCHED, **changes) is None
