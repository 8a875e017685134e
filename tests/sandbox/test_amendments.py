"""Each amendment changes what it says, and nothing changes without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.server import Sandbox
from watchtower.units import ChannelId, Drops

_CLEANUP: Final = "fixCleanup3_2_0"
_CLAIM: Final = {"TransactionType": "PaymentChannelClaim"}
_FUND: Final = {"TransactionType": "PaymentChannelFund", "Amount": "1"}
_CLOSE: Final = 0x00020000
_XRP: Final = 1_000_000
_SOURCE = Person.named("a source")
_DESTINATION = Person.named("a destination", ed25519=True)
_DELEGATE = Person.named("a stranger")


@asynccontextmanager
async def _ledger(
    *amendments: str, queue: QueueSettings | None = None
) -> AsyncIterator[tuple[Sandbox, Hand]]:
    rules = Rules(amendments=DEFAULT_AMENDMENTS | set(amendments))
    async with Sandbox(rules=rules, queue=queue) as box, Hand(box.url, accepts=True) as hand:
        await hand.fund(_SOURCE, _DESTINATION, _DELEGATE)
        yield box, hand


def _claim(channel: ChannelId, drops: int, signer: Person = _SOURCE) -> dict[str, Any]:
    signature = signer.sign_claim(channel, Drops(drops))
    signed = {"Signature": signature, "PublicKey": signer.public_key}
    return {**_CLAIM, "Channel": channel, "Balance": str(drops), **signed}


async def _result(hand: Hand, tx: dict[str, Any], person: Person, fee: int = 10) -> str:
    return str((await hand.submit(tx, person, fee=fee))["engine_result"])


async def _state(hand: Hand, person: Person) -> tuple[int, int]:
    root = (await hand.request("account_info", account=person.address))["account_data"]
    return root["Sequence"], int(root["Balance"])


async def _expiration(hand: Hand, channel: ChannelId) -> int | None:
    told = await hand.request("ledger_entry", payment_channel=channel)
    found: int | None = told["node"].get("Expiration")
    return found


@pytest.mark.parametrize(("amendments", "paid"), [((), 0), ((_CLEANUP,), _XRP)])
async def test_a_claim_at_the_very_second_of_expiry(amendments: tuple[str, ...], paid: int) -> None:
    """Too late before the fix, in time with it."""
    async with _ledger(*amendments) as (box, hand):
        end = box.close_time + 20
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 60, CancelAfter=end)
        await box.advance(end - box.close_time)
        before = (await _state(hand, _DESTINATION))[1]
        done = await hand.settle(_claim(channel, _XRP), _DESTINATION)

        assert done["meta"]["TransactionResult"] == "tesSUCCESS"
        assert (await _state(hand, _DESTINATION))[1] == before + paid - 10


async def test_a_second_after_expiry_nothing_is_paid_with_the_fix_either() -> None:
    """The rule moved by one second, no more."""
    async with _ledger(_CLEANUP) as (box, hand):
        end = box.close_time + 20
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 60, CancelAfter=end)
        await box.advance(end + 1 - box.close_time)
        before = (await _state(hand, _DESTINATION))[1]
        await hand.settle(_claim(channel, _XRP), _DESTINATION)

        assert (await _state(hand, _DESTINATION))[1] == before - 10


@pytest.mark.parametrize("fixed", [False, True])
async def test_a_claim_at_the_very_second_of_a_requested_close(*, fixed: bool) -> None:
    """The same holds for the date that a close request has set."""
    async with _ledger(*[_CLEANUP] * fixed) as (box, hand):
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 60)
        await hand.settle({**_CLAIM, "Channel": channel, "Flags": _CLOSE}, _SOURCE)
        end = await _expiration(hand, channel) or 0
        await box.advance(end - box.close_time)
        before = (await _state(hand, _DESTINATION))[1]
        await hand.settle(_claim(channel, _XRP), _DESTINATION)

        assert (await _state(hand, _DESTINATION))[1] == before - 10 + _XRP * fixed


@pytest.mark.parametrize("fixed", [False, True])
async def test_funds_at_the_very_second_of_expiry(*, fixed: bool) -> None:
    """They close the channel before the fix; with it they are added, and a second later not."""
    async with _ledger(*[_CLEANUP] * fixed) as (box, hand):
        end = box.close_time + 20
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 60, CancelAfter=end)
        await box.advance(end - box.close_time)
        await hand.settle({**_FUND, "Channel": channel}, _SOURCE)

        told = await hand.request("ledger_entry", payment_channel=channel)
        assert told.get("node", {}).get("Amount") == (str(_XRP + 1) if fixed else None)
        await hand.settle({**_FUND, "Channel": channel}, _SOURCE)
        told = await hand.request("ledger_entry", payment_channel=channel)
        assert told["error"] == "entryNotFound"


@pytest.mark.parametrize("fixed", [False, True])
async def test_a_settle_delay_wraps_or_saturates(*, fixed: bool) -> None:
    """The longest delay there is: a date in the past, or the last second of all."""
    async with _ledger(*[_CLEANUP] * fixed) as (box, hand):
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 2**32 - 1)
        now = box.close_time
        await hand.settle({**_CLAIM, "Channel": channel, "Flags": _CLOSE}, _SOURCE)

        assert await _expiration(hand, channel) == (2**32 - 1 if fixed else now - 1)


@pytest.mark.parametrize("fixed", [False, True])
async def test_funds_under_a_settle_delay_that_wraps(*, fixed: bool) -> None:
    """They may set any date before the fix; with it only the last second of all."""
    async with _ledger(*[_CLEANUP] * fixed) as (box, hand):
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 2**32 - 1)
        soon = {**_FUND, "Channel": channel, "Expiration": box.close_time + 5}
        last = {**_FUND, "Channel": channel, "Expiration": 2**32 - 1}

        assert await _result(hand, soon, _SOURCE) == ("tecNO_PERMISSION" if fixed else "tesSUCCESS")
        assert await _result(hand, last, _SOURCE) == "tesSUCCESS"


@pytest.mark.parametrize(
    ("amendments", "results"),
    [((), ("tecNO_TARGET", "tecNO_ENTRY")), ((_CLEANUP,), ("temMALFORMED", "temMALFORMED"))],
)
async def test_a_channel_of_zeros(amendments: tuple[str, ...], results: tuple[str, str]) -> None:
    """Not found before the fix, not a channel with it."""
    async with _ledger(*amendments) as (_, hand):
        nowhere = {"Channel": "0" * 64}
        claimed = await _result(hand, {**_CLAIM, **nowhere}, _DESTINATION)
        await hand.accept()
        funded = await _result(hand, {**_FUND, **nowhere}, _SOURCE)

        assert (claimed, funded) == results


@pytest.mark.parametrize(
    ("how", "before"), [("stripped", "temBAD_SIGNATURE"), ("wrong key", "temBAD_SIGNER")]
)
@pytest.mark.parametrize("fixed", [False, True])
async def test_a_claim_without_the_channels_signature(
    how: str, before: str, *, fixed: bool
) -> None:
    """Harmless before the fix; with it the fee is burnt and the sequence is gone."""
    async with _ledger(*[_CLEANUP] * fixed) as (_, hand):
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 60)
        sequence, balance = await _state(hand, _DESTINATION)
        tx = _claim(channel, _XRP, _SOURCE if how == "stripped" else _DELEGATE)
        if how == "stripped":
            # Not a signing field: what anyone can take away leaves the rest valid.
            del tx["Signature"]
        result = await _result(hand, tx, _DESTINATION)
        await hand.accept()

        assert result == ("tecNO_PERMISSION" if fixed else before)
        burnt = (sequence + 1, balance - 10) if fixed else (sequence, balance)
        assert await _state(hand, _DESTINATION) == burnt


@pytest.mark.parametrize(
    ("amendments", "result"), [((), "temBAD_EXPIRATION"), ((_CLEANUP,), "tecNO_PERMISSION")]
)
async def test_funds_with_an_early_expiration(amendments: tuple[str, ...], result: str) -> None:
    """Refused on both sides of the fix, at a price with it."""
    async with _ledger(*amendments) as (box, hand):
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 60)
        early = {**_FUND, "Channel": channel, "Expiration": box.close_time + 59}
        assert await _result(hand, early, _SOURCE) == result
        await hand.accept()

        assert await _expiration(hand, channel) is None


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("late", [0, 1])
async def test_a_channel_that_is_over_before_it_began(late: int, *, fixed: bool) -> None:
    """Refused with fixPayChanCancelAfter, though not at the very second."""
    async with _ledger(*["fixPayChanCancelAfter"] * fixed) as (box, hand):
        create = {
            "TransactionType": "PaymentChannelCreate",
            "Destination": _DESTINATION.address,
            "Amount": "1",
            "SettleDelay": 60,
            "PublicKey": _SOURCE.public_key,
            "CancelAfter": box.close_time - late,
        }
        result = await _result(hand, create, _SOURCE)

        assert result == ("tecEXPIRED" if fixed and late else "tesSUCCESS")


@pytest.mark.parametrize(
    ("amendments", "result"),
    [
        ((), "temDISABLED"),
        (("PermissionDelegation",), "tecNO_DELEGATE_PERMISSION"),
        (("PermissionDelegationV1_1",), "terNO_DELEGATE_PERMISSION"),
    ],
)
async def test_a_delegate_without_permission(amendments: tuple[str, ...], result: str) -> None:
    """Delegation is off, or costs the fee, or may be retried."""
    async with _ledger(*amendments) as (_, hand):
        acting = {"Account": _DESTINATION.address, "Delegate": _DELEGATE.address}
        claim = {**_CLAIM, **acting, "Channel": "F" * 64}

        assert await _result(hand, claim, _DELEGATE) == result


@pytest.mark.parametrize(
    ("amendments", "result"),
    [
        ((), "temDISABLED"),
        (("PermissionDelegation",), "tesSUCCESS"),
        (("PermissionDelegationV1_1",), "tesSUCCESS"),
    ],
)
async def test_giving_a_permission(amendments: tuple[str, ...], result: str) -> None:
    """Nobody is anybody's delegate without one of the two amendments."""
    async with _ledger(*amendments) as (_, hand):
        permission = {"Permission": {"PermissionValue": "PaymentChannelClaim"}}
        allow = {"TransactionType": "DelegateSet", "Authorize": _DELEGATE.address}

        assert await _result(hand, {**allow, "Permissions": [permission]}, _DESTINATION) == result


@pytest.mark.parametrize(
    ("amendment", "result"),
    [
        ("PermissionDelegation", "terQUEUED"),
        ("PermissionDelegationV1_1", "telCAN_NOT_QUEUE"),
    ],
)
async def test_a_delegates_transaction_in_a_full_ledger(amendment: str, result: str) -> None:
    """It waits only where delegation came by its first amendment."""
    small = QueueSettings(minimum_txn_in_ledger=4, target_txn_in_ledger=4)
    async with _ledger(amendment, queue=small) as (_, hand):
        channel = await hand.create_channel(_SOURCE, _DESTINATION, _XRP, 60)
        permission = {"Permission": {"PermissionValue": "PaymentChannelClaim"}}
        allow = {"TransactionType": "DelegateSet", "Authorize": _DELEGATE.address}
        await hand.settle({**allow, "Permissions": [permission]}, _DESTINATION)
        while (await hand.submit({"TransactionType": "AccountSet"}, _SOURCE))[
            "open_ledger_cost"
        ] == "10":
            pass
        acting = {"Account": _DESTINATION.address, "Delegate": _DELEGATE.address}

        assert await _result(hand, {**_claim(channel, _XRP), **acting}, _DELEGATE) == result
