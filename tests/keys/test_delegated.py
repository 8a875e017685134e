"""The hand of a delegate signs with the tower's own key, and only what redeems for its payees."""

from __future__ import annotations

from typing import Any

import pytest
from xrpl.core import binarycodec

from tests.keys.conftest import ED25519_ACCOUNT, SECP256K1_ACCOUNT
from watchtower.errors import KeyMissingError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.delegated import DelegatedHand, OwnKey
from watchtower.keys.vault import Vault
from watchtower.response.way import Way
from watchtower.sandbox.people import Person
from watchtower.sandbox.transaction import parse_blob, signature_fault
from watchtower.units import Address, Drops

PAYEE = Person.named("a payee").address
OTHER = Person.named("another payee").address
CLAIM: dict[str, Any] = {
    "TransactionType": "PaymentChannelClaim",
    "Account": PAYEE,
    "Channel": "C5" * 32,
    "Amount": "500",
    "Balance": "400",
    "Signature": "AB" * 64,
    "PublicKey": "ED" + "5A" * 32,
    "Fee": "1000",
    "LastLedgerSequence": 108,
    "Sequence": 7,
}


def hand(
    vault: Vault, delegate: Address = SECP256K1_ACCOUNT, permitting: tuple[Address, ...] = (PAYEE,)
) -> DelegatedHand:
    """A hand for two payees, of which some permit it."""
    return DelegatedHand(
        OwnKey(vault, delegate),
        [PAYEE, OTHER],
        Drops(1000),
        delegate=delegate,
        stands=lambda account: account in permitting,
    )


@pytest.mark.parametrize("delegate", [SECP256K1_ACCOUNT, ED25519_ACCOUNT])
@pytest.mark.parametrize("seat", [{}, {"Sequence": 0, "TicketSequence": 9}])
async def test_the_towers_own_key_signs_in_the_payees_name(
    vault: Vault, delegate: Address, seat: dict[str, int]
) -> None:
    """As the ledger reads it: the payee's seat, the tower as delegate, a signature that is good."""
    signed = await hand(vault, delegate).sign({**CLAIM, **seat})
    read = binarycodec.decode(signed.blob)
    assert {name: read[name] for name in (*CLAIM, *seat)} == {**CLAIM, **seat}
    assert (read["Account"], read["Delegate"]) == (PAYEE, delegate)
    assert signature_fault(parse_blob(signed.blob)) is None
    assert read["SigningPubKey"] == (await vault.key_of(delegate)).public_key


async def test_way_says_whose_money_it_is_and_that_nothing_is_queued(vault: Vault) -> None:
    """And that there is none where the ledger, or the vault, has nothing for it."""
    mine = hand(vault)
    assert mine.right is Right.DELEGATED
    assert mine.way(PAYEE) == Way(may_queue=False, fee_payer=SECP256K1_ACCOUNT)
    assert mine.way(OTHER) is None
    assert mine.way(ED25519_ACCOUNT) is None
    mine.hold({PAYEE: "ED" * 33})
    assert mine.way(PAYEE) is None
    mine.hold({SECP256K1_ACCOUNT: "ED" * 33})
    assert mine.way(PAYEE) is not None


async def test_a_tower_without_its_own_key_says_so(vault: Vault) -> None:
    """By the name of the account that lacks one: its own."""
    with pytest.raises(KeyMissingError) as missing:
        await hand(vault, delegate=OTHER).sign(CLAIM)
    assert OTHER in str(missing.value)


async def test_the_first_that_is_refused_ends_a_row_of_signatures(vault: Vault) -> None:
    """What stood before it is signed."""
    signed = hand(vault).sign_each([CLAIM, {**CLAIM, "Flags": 0x00020000}, CLAIM])
    assert (await anext(signed)).blob
    with pytest.raises(SigningRefusedError):
        await anext(signed)
