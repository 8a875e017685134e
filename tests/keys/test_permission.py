"""What is not spelt out is not signed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.keys.conftest import ED25519_ACCOUNT, SECP256K1_ACCOUNT
from watchtower.keys.permission import Roles, why_not, why_not_delegated
from watchtower.units import Address, Drops

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
    return why_not(transaction, Roles([SECP256K1_ACCOUNT]), CAP, most_tickets=5)


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


def _why_no_tickets(**changes: object) -> str | None:
    tickets = {name: GOOD[name] for name in ("Account", "Fee", "LastLedgerSequence", "Sequence")}
    changed = {**tickets, "TransactionType": "TicketCreate", "TicketCount": 5, **changes}
    return why_not(changed, Roles([SECP256K1_ACCOUNT]), CAP, most_tickets=5)


def test_as_many_tickets_as_the_operator_allows_may_be_made() -> None:
    """Each of them locks up reserve, so the pool's size is the limit."""
    assert _why_no_tickets() is None
    for count in (6, 0, -1, True, "5"):
        assert "TicketCount" in str(_why_no_tickets(TicketCount=count))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Account": ED25519_ACCOUNT}, "not from an account in the configuration"),
        ({"Fee": "1001"}, "above the cap of 1000"),
        ({"Channel": "C5" * 32}, "does not sign the field Channel"),
        ({"Flags": 0x00020000}, "flags"),
        ({"LastLedgerSequence": 0}, "never lapse"),
    ],
)
def test_tickets_are_made_within_the_same_limits_as_claims(
    changes: dict[str, object], why: str
) -> None:
    """Another kind of transaction is no way around them."""
    assert why in str(_why_no_tickets(**changes))


def test_without_a_pool_no_tickets_are_signed_for_at_all() -> None:
    """An operator who wants none gets none, whatever a plan says."""
    tickets = {**GOOD, "TransactionType": "TicketCreate", "TicketCount": 1}
    for name in ("Channel", "Amount", "Balance", "Signature", "PublicKey"):
        del tickets[name]
    assert "TicketCount" in str(why_not(tickets, Roles([SECP256K1_ACCOUNT]), CAP))


CLOSE: dict[str, Any] = {
    "TransactionType": "PaymentChannelClaim",
    "Account": SECP256K1_ACCOUNT,
    "Channel": "C5" * 32,
    "Flags": 0x00020000,
    "Fee": "1000",
    "LastLedgerSequence": 108,
    "Sequence": 7,
}
PAYER = Roles([], [SECP256K1_ACCOUNT])
BOTH = Roles([SECP256K1_ACCOUNT], [SECP256K1_ACCOUNT])


def _why_not_close(
    roles: Roles = PAYER, source: Address | None = SECP256K1_ACCOUNT, **changes: object
) -> str | None:
    return why_not({**CLOSE, **changes}, roles, CAP, most_tickets=5, source=source)


@pytest.mark.parametrize("roles", [PAYER, BOTH], ids=["payer", "both"])
def test_a_payer_may_close_a_channel_of_which_it_is_the_source(roles: Roles) -> None:
    """By tfClose and nothing else."""
    assert _why_not_close(roles) is None
    assert _why_not_close(roles, Flags=0x80020000) is None


@pytest.mark.parametrize("source", [None, ED25519_ACCOUNT], ids=["unknown", "somebody else"])
@pytest.mark.parametrize("roles", [PAYER, BOTH], ids=["payer", "both"])
def test_a_close_is_refused_unless_the_ledger_has_told_the_source(
    roles: Roles, source: Address | None
) -> None:
    """As its destination the account would give away at once what is unclaimed."""
    assert "source only" in str(_why_not_close(roles, source))


def test_a_payee_never_closes_not_even_what_the_ledger_calls_its_own() -> None:
    """Its role does not allow it, whatever a plan and the ledger say."""
    assert "tfClose is never signed for a payee" in str(_why_not_close(Roles([SECP256K1_ACCOUNT])))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Balance": "400"}, "does not sign the field Balance"),
        ({"Amount": "400"}, "does not sign the field Amount"),
        ({"Signature": "AB" * 64}, "does not sign the field Signature"),
        ({"PublicKey": "ED" + "5A" * 32}, "does not sign the field PublicKey"),
        ({"Delegate": ED25519_ACCOUNT}, "does not sign the field Delegate"),
        ({"CredentialIDs": []}, "does not sign the field CredentialIDs"),
        ({"Flags": 0x00030000}, "flags"),
        ({"Flags": 0x00010000}, "for a payer it signs nothing but tfClose"),
        ({"Flags": 0}, "for a payer it signs nothing but tfClose"),
        ({"Flags": "131072"}, "for a payer it signs nothing but tfClose"),
        ({"TransactionType": "TicketCreate"}, "for a payer it signs nothing but tfClose"),
        ({"TransactionType": "PaymentChannelFund"}, "nothing but PaymentChannelClaim"),
        ({"Account": ED25519_ACCOUNT}, "not from an account in the configuration"),
        ({"Channel": "c5" * 32}, "Channel is not"),
        ({"Fee": "1001"}, "above the cap of 1000"),
        ({"LastLedgerSequence": 0}, "never lapse"),
    ],
)
def test_a_payers_key_signs_no_payment_no_claim_and_nothing_else(
    changes: dict[str, Any], why: str
) -> None:
    """Without a signature a payer may pay any balance it likes: no amount is ever signed."""
    assert why in str(_why_not_close(**changes))


def test_an_account_that_is_both_redeems_as_before() -> None:
    """Being a payer as well takes nothing away from the payee, and adds no flag to its claims."""
    assert why_not(GOOD, BOTH, CAP) is None
    closing = {**GOOD, "Flags": 0x00020000}
    assert "does not sign the field" in str(why_not(closing, BOTH, CAP, source=SECP256K1_ACCOUNT))
    assert "for a payer it signs nothing but" in str(why_not(GOOD, PAYER, CAP))


TOWER = Address("rUfvdk3o4d8eoB7Xk4ZJU6dZDxez9CZtnd")


def _why_not_delegated(**changes: object) -> str | None:
    changed = {**GOOD, "Delegate": TOWER, **changes}
    transaction = {field: value for field, value in changed.items() if value is not None}
    return why_not_delegated(transaction, [SECP256K1_ACCOUNT], CAP, TOWER)


@pytest.mark.parametrize(
    "changes", [{}, {"Flags": 0x80000000}, {"Sequence": 0, "TicketSequence": 9}, {"Balance": "500"}]
)
def test_a_payees_delegate_redeems_in_its_name(changes: dict[str, object]) -> None:
    """On the payee's sequence or ticket."""
    assert _why_not_delegated(**changes) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Delegate": None}, "does not name the tower's own account"),
        ({"Delegate": SECP256K1_ACCOUNT}, "does not name the tower's own account"),
        ({"Account": TOWER}, "delegate of its own"),
        ({"Account": ED25519_ACCOUNT}, "not from an account in the configuration"),
        ({"TransactionType": "Payment"}, "nothing but PaymentChannelClaim"),
        ({"TransactionType": "TicketCreate"}, "nothing but PaymentChannelClaim"),
        ({"TransactionType": "DelegateSet"}, "nothing but PaymentChannelClaim"),
        ({"Flags": 0x00020000}, "tfClose"),
        ({"Flags": 0x80020000}, "tfClose"),
        ({"Flags": 0x00010000}, "tfRenew"),
        ({"Fee": "1001"}, "above the cap of 1000"),
        ({"Signature": None}, "has no Signature"),
        ({"Memos": []}, "does not sign the field Memos"),
        ({"Signers": []}, "does not sign the field Signers"),
    ],
)
def test_a_delegate_signs_nothing_else_though_the_ledger_would_take_it(
    changes: dict[str, object], why: str
) -> None:
    """The permission covers every form of the transaction; what is signed covers one."""
    assert why in str(_why_not_delegated(**changes))
