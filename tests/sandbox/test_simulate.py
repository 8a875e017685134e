"""``simulate``: what would become of a transaction, and nothing becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import DESTINATION, SOURCE, STRANGER
from watchtower.sandbox.people import Hand

_CLAIM = {
    "TransactionType": "PaymentChannelClaim",
    "Account": SOURCE.address,
    "Channel": "0" * 63 + "1",
}


async def test_who_signs_is_looked_at_before_the_channel(hand: Hand) -> None:
    """The account's own key comes as far as the channel that is missing; another one does not."""
    own = await hand.request("simulate", tx_json={**_CLAIM, "SigningPubKey": SOURCE.public_key})
    other = await hand.request("simulate", tx_json={**_CLAIM, "SigningPubKey": STRANGER.public_key})

    assert own["engine_result"] == "tecNO_TARGET"
    assert other["engine_result"] == "tefBAD_AUTH"


async def test_nothing_is_sent_and_no_seat_is_used(hand: Hand) -> None:
    """A payment that would be made is not."""
    pay = {
        "TransactionType": "Payment",
        "Account": SOURCE.address,
        "Destination": DESTINATION.address,
        "Amount": "1000000",
        "SigningPubKey": SOURCE.public_key,
    }
    before = await hand.request("account_info", account=SOURCE.address, ledger_index="current")
    told = await hand.request("simulate", tx_json=pay)
    after = await hand.request("account_info", account=SOURCE.address, ledger_index="current")

    assert (told["engine_result"], told["applied"]) == ("tesSUCCESS", True)
    assert after["account_data"] == before["account_data"]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"TxnSignature": "AB"}, "transactionSigned"),
        ({"Account": "rrrrrrrrrrrrrrrrrrrrBZbvji"}, "srcActNotFound"),
        ({"SigningPubKey": ""}, "notSupported"),
        ({"Channel": "no channel"}, "invalidParams"),
    ],
)
async def test_what_cannot_be_simulated_is_refused(
    hand: Hand, more: dict[str, Any], error: str
) -> None:
    """By the names that a real server has for it, but for what is not done here."""
    fields = {**_CLAIM, "SigningPubKey": SOURCE.public_key, **more}

    assert (await hand.request("simulate", tx_json=fields))["error"] == error
