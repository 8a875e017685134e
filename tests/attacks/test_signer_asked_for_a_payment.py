"""Attack: have a key that is here sign something else than what redeems.

The attacker has the daemon hand to the signer whatever it likes: it found a hole in planning, or
speaks in the planner's place. It knows every field of every transaction. It cannot read the key.
What it wants is one signature under anything that pays it: a payment, a new regular key, a signer
list, a delegate, a claim that closes.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.models.transactions.types import TransactionType

from watchtower.errors import SigningError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hands
from watchtower.keys.signer import Signer
from watchtower.store.secrets import StoredKey
from watchtower.units import Address, Drops

ACCOUNT = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
THIEF = "rrrrrrrrrrrrrrrrrrrrBZbvji"
CLAIM: dict[str, Any] = {
    "TransactionType": "PaymentChannelClaim",
    "Account": ACCOUNT,
    "Channel": "A" * 64,
    "Amount": "10",
    "Balance": "10",
    "Signature": "30" * 70,
    "PublicKey": "02" + "A" * 64,
    "Fee": "10",
    "Sequence": 1,
    "LastLedgerSequence": 9,
}
KINDS = sorted({kind.value for kind in TransactionType} - {"PaymentChannelClaim", "TicketCreate"})


class Locked:
    """A vault from which no key may come."""

    async def key_of(self, account: Address) -> StoredKey:
        """Nobody should ask."""
        raise AssertionError(account)


def hands() -> Hands:
    """Both hands of keys that are here, for one payee that makes no tickets."""
    rights = (Right.REGULAR_KEY, Right.MASTER_KEY)
    signers = [Signer(Locked(), [ACCOUNT], Drops(100), right=right) for right in rights]
    return Hands(signers, {ACCOUNT: rights}, clock=lambda: 0.0)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_other_kind_of_transaction_is_signed(kind: str) -> None:
    """Refused before any key is touched, by both hands."""
    chosen = hands()
    for _ in range(2):
        with pytest.raises(SigningRefusedError) as refused:
            await chosen.sign({**CLAIM, "TransactionType": kind})
        chosen.turn(ACCOUNT, CLAIM["Channel"], refused.value)


@given(
    field=st.sampled_from(
        [
            *("Destination", "RegularKey", "SignerEntries", "Delegate", "Signers", "Memos"),
            *("SendMax", "Paths", "Authorize", "Permissions", "CredentialIDs", "AccountTxnID"),
        ]
    ),
    value=st.one_of(st.just(THIEF), st.just([]), st.integers(), st.none()),
)
async def test_no_field_that_redeeming_does_not_need_is_signed(field: str, value: object) -> None:
    """Whatever is in it."""
    with pytest.raises(SigningRefusedError):
        await hands().sign({**CLAIM, field: value})


@pytest.mark.parametrize(
    "change",
    [
        {"Flags": 0x00020000},
        {"Flags": 0x00010000},
        {"Fee": "101"},
        {"Account": THIEF},
        {"Balance": "11"},
        {"LastLedgerSequence": 0},
        {"TransactionType": "TicketCreate", "TicketCount": 1},
    ],
)
async def test_no_claim_that_gives_anything_away_is_signed(change: dict[str, object]) -> None:
    """A close, a renewal, a fee above the cap, somebody else's account, more than was promised."""
    with pytest.raises(SigningError):
        await hands().sign({**CLAIM, **change})
