"""Payment of XRP: what is refused, and in what order."""

from __future__ import annotations

from typing import Any

import pytest

from watchtower.sandbox.people import Hand, Person

_NOBODY = "rrrrrrrrrrrrrrrrrrrrrhoLvTp"
_XRP = 1_000_000


@pytest.mark.parametrize(
    ("fields", "flags", "result"),
    [
        ({"Amount": "0"}, 0, "temBAD_AMOUNT"),
        ({"Destination": _NOBODY, "Amount": "0"}, 0, "temDST_NEEDED"),
        ({"SendMax": "1"}, 0x00020000, "temBAD_SEND_XRP_MAX"),
        ({}, 0x00020000 | 0x00040000, "temBAD_SEND_XRP_PARTIAL"),
        ({}, 0x00040000 | 0x00010000, "temBAD_SEND_XRP_LIMIT"),
        ({"DeliverMin": "1"}, 0x00010000, "temBAD_SEND_XRP_NO_DIRECT"),
        ({"DeliverMin": "1"}, 0, "temBAD_AMOUNT"),
        ({}, 0x40000000, "temINVALID_FLAG"),
        ({}, 0x00080000, "temINVALID_FLAG"),
        ({}, 0, "tesSUCCESS"),
    ],
)
async def test_what_a_payment_of_xrp_cannot_ask_for(
    *,
    hand: Hand,
    source: Person,
    destination: Person,
    fields: dict[str, Any],
    flags: int,
    result: str,
) -> None:
    """The first of two things that are wrong is told."""
    payment = {"TransactionType": "Payment", "Destination": destination.address, "Amount": "1"}

    told = await hand.submit({**payment, **fields, "Flags": flags}, source)

    assert told["engine_result"] == result


async def test_one_does_not_pay_oneself(hand: Hand, source: Person) -> None:
    """Not in XRP."""
    payment = {"TransactionType": "Payment", "Destination": source.address, "Amount": "1"}

    assert (await hand.submit(payment, source))["engine_result"] == "temREDUNDANT"


async def test_an_account_begins_with_the_reserve_and_the_ledgers_index(
    hand: Hand, source: Person
) -> None:
    """A drop less makes none."""
    newcomer = Person.named("newcomer")
    payment = {"TransactionType": "Payment", "Destination": newcomer.address}

    short = await hand.submit({**payment, "Amount": str(_XRP - 1)}, source)
    done = await hand.settle({**payment, "Amount": str(_XRP)}, source)
    told = await hand.request("account_info", account=newcomer.address)

    assert short["engine_result"] == "tecNO_DST_INSUF_XRP"
    assert told["account_data"]["Sequence"] == done["ledger_index"]
    assert told["account_data"]["Balance"] == str(_XRP)


async def test_deposit_authorisation_lets_alms_through_to_the_poor(
    hand: Hand, source: Person
) -> None:
    """An account that cannot pay its fees can be given up to the reserve, and no more."""
    poor = Person.named("poor")
    payment = {"TransactionType": "Payment", "Destination": poor.address}
    await hand.settle({**payment, "Amount": str(_XRP)}, source)
    await hand.settle({"TransactionType": "AccountSet", "SetFlag": 9}, poor)

    much = await hand.submit({**payment, "Amount": str(_XRP + 1)}, source)
    alms = await hand.submit({**payment, "Amount": str(_XRP)}, source)
    more = await hand.submit({**payment, "Amount": "1"}, source)

    results = [told["engine_result"] for told in (much, alms, more)]
    assert results == ["tecNO_PERMISSION", "tesSUCCESS", "tecNO_PERMISSION"]
