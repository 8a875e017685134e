"""The rules of channels on xrpld 3.1.1, through the front door."""

from __future__ import annotations

from typing import Any

import pytest

from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Sandbox
from watchtower.units import ChannelId, Drops

_CLOSE = 0x00020000
_RENEW = 0x00010000
_XRP = 1_000_000
_CLAIM = "PaymentChannelClaim"


def _claim(
    signer: Person, channel: ChannelId, amount: int, balance: int | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "TransactionType": _CLAIM,
        "Channel": channel,
        "Amount": str(amount),
        "Balance": str(amount if balance is None else balance),
        "Signature": signer.sign_claim(channel, Drops(amount)),
        "PublicKey": signer.public_key,
        **more,
    }


async def _channel(hand: Hand, channel: ChannelId) -> dict[str, Any] | None:
    found = await hand.request("ledger_entry", payment_channel=channel, ledger_index="validated")
    node: dict[str, Any] | None = found.get("node")
    return node


async def _balance(hand: Hand, person: Person) -> int:
    found = await hand.request("account_info", account=person.address, ledger_index="validated")
    return int(found["account_data"]["Balance"])


async def _result(hand: Hand, tx: dict[str, Any], person: Person) -> str:
    told = await hand.submit(tx, person)
    result: str = told["engine_result"]
    return result


async def test_late_claim_reports_success_and_pays_nothing(
    sandbox: Sandbox, hand: Hand, source: Person, destination: Person
) -> None:
    """It closes the channel, and the payer has everything back."""
    channel = await hand.create_channel(source, destination, 10 * _XRP, 60)
    await hand.settle({"TransactionType": _CLAIM, "Channel": channel, "Flags": _CLOSE}, source)
    await sandbox.advance(60)
    before = await _balance(hand, destination)

    found = await hand.settle(_claim(source, channel, 5 * _XRP), destination)

    assert found["meta"]["TransactionResult"] == "tesSUCCESS"
    assert await _balance(hand, destination) == before - 10
    assert await _channel(hand, channel) is None


@pytest.mark.parametrize(("late", "paid"), [(-1, 5 * _XRP), (0, 0), (1, 0)])
async def test_the_last_second_is_the_one_before_expiration(
    *, sandbox: Sandbox, hand: Hand, source: Person, destination: Person, late: int, paid: int
) -> None:
    """The parent's close time counts, and one that has reached the expiration is too late."""
    channel = await hand.create_channel(source, destination, 10 * _XRP, 60)
    await hand.settle({"TransactionType": _CLAIM, "Channel": channel, "Flags": _CLOSE}, source)
    node = await _channel(hand, channel)
    assert node is not None
    await sandbox.advance(node["Expiration"] + late - sandbox.close_time)
    before = await _balance(hand, destination)

    await hand.settle(_claim(source, channel, 5 * _XRP), destination)

    assert await _balance(hand, destination) == before - 10 + paid


async def test_fund_starts_a_close_and_can_pull_it_in(
    hand: Hand, source: Person, destination: Person
) -> None:
    """No tfClose anywhere; and never sooner than the settle delay."""
    channel = await hand.create_channel(source, destination, 10 * _XRP, 600)
    node = await _channel(hand, channel)
    assert node is not None
    now = (await hand.request("ledger", ledger_index="validated"))["ledger"]["close_time"]
    fund = {"TransactionType": "PaymentChannelFund", "Channel": channel, "Amount": "1"}

    await hand.settle({**fund, "Expiration": now + 90_000}, source)
    assert (await _channel(hand, channel) or {})["Expiration"] == now + 90_000
    await hand.settle({**fund, "Expiration": now + 700}, source)
    assert (await _channel(hand, channel) or {})["Expiration"] == now + 700
    assert await _result(hand, {**fund, "Expiration": now + 60}, source) == "temBAD_EXPIRATION"


async def test_a_huge_settle_delay_is_none_at_all(
    sandbox: Sandbox, hand: Hand, source: Person, destination: Person
) -> None:
    """The 32-bit sum wraps: two requests in one ledger and the channel is gone."""
    channel = await hand.create_channel(source, destination, 10 * _XRP, 2**32 - 1)
    close = {"TransactionType": _CLAIM, "Channel": channel, "Flags": _CLOSE}
    await hand.submit(close, source)
    await hand.submit(close, source)
    await sandbox.accept()

    assert await _channel(hand, channel) is None


async def test_a_claim_above_the_funds_pays_all_there_is_and_more_later(
    hand: Hand, source: Person, destination: Person
) -> None:
    """Only Balance is held against the funds."""
    channel = await hand.create_channel(source, destination, 50 * _XRP, 60)

    refused = await _result(hand, _claim(source, channel, 80 * _XRP), destination)
    assert refused == "tecUNFUNDED_PAYMENT"
    await hand.settle(_claim(source, channel, 80 * _XRP, 50 * _XRP), destination)
    fund = {"TransactionType": "PaymentChannelFund", "Channel": channel, "Amount": "20000000"}
    await hand.settle(fund, source)
    await hand.settle(_claim(source, channel, 80 * _XRP, 70 * _XRP), destination)

    assert (await _channel(hand, channel) or {})["Balance"] == str(70 * _XRP)


async def test_the_destinations_close_gives_the_rest_back_at_once(
    hand: Hand, source: Person, destination: Person
) -> None:
    """So a claim with tfClose that is not the last one loses the difference."""
    channel = await hand.create_channel(source, destination, 50 * _XRP, 60)
    before = await _balance(hand, source)

    await hand.settle(_claim(source, channel, 5 * _XRP, Flags=_CLOSE), destination)

    assert await _channel(hand, channel) is None
    assert await _balance(hand, source) == before + 45 * _XRP


async def test_only_the_source_renews(hand: Hand, source: Person, destination: Person) -> None:
    """And then no expiration is left."""
    channel = await hand.create_channel(source, destination, 50 * _XRP, 60)
    await hand.settle({"TransactionType": _CLAIM, "Channel": channel, "Flags": _CLOSE}, source)
    renew = {"TransactionType": _CLAIM, "Channel": channel, "Flags": _RENEW}

    assert await _result(hand, renew, destination) == "tecNO_PERMISSION"
    await hand.settle(renew, source)

    assert "Expiration" not in (await _channel(hand, channel) or {})


async def test_refusals_have_the_ledgers_own_names(
    hand: Hand, source: Person, destination: Person, stranger: Person
) -> None:
    """One wrong thing at a time."""
    channel = await hand.create_channel(source, destination, 50 * _XRP, 60)
    good = _claim(source, channel, 5 * _XRP)
    unsigned = {"TransactionType": _CLAIM, "Channel": channel, "Balance": "5000000"}

    assert await _result(hand, {**good, "Balance": "6000000"}, destination) == "temBAD_AMOUNT"
    assert await _result(hand, unsigned, destination) == "temBAD_SIGNATURE"
    forged = _claim(stranger, channel, 5 * _XRP)
    assert await _result(hand, forged, destination) == "temBAD_SIGNER"
    assert await _result(hand, good, stranger) == "tecNO_PERMISSION"
    both = {**good, "Flags": _CLOSE | _RENEW}
    assert await _result(hand, both, destination) == "temMALFORMED"
    nowhere = {**unsigned, "Channel": "0" * 64}
    assert await _result(hand, nowhere, source) == "tecNO_TARGET"


async def test_deposit_authorisation_stops_the_source_but_not_the_destination(
    hand: Hand, source: Person, destination: Person
) -> None:
    """The payee's own claim is its own act."""
    channel = await hand.create_channel(source, destination, 50 * _XRP, 60)
    await hand.settle({"TransactionType": "AccountSet", "SetFlag": 9}, destination)
    push = {"TransactionType": _CLAIM, "Channel": channel, "Balance": "1000000"}

    assert await _result(hand, push, source) == "tecNO_PERMISSION"
    assert await _result(hand, _claim(source, channel, 2 * _XRP), destination) == "tesSUCCESS"
