"""What becomes of the payee's own account, seen by a running tower."""

from __future__ import annotations

from typing import Any

from watchtower.sandbox.people import Person
from watchtower.store.journal import Entry
from watchtower.tower.tending import STATUS_NOTE

XRP = 1_000_000
TF_CLOSE = 0x00020000
DISABLE_MASTER = 4  # asfDisableMaster
DEPOSIT_AUTH = 9  # asfDepositAuth


async def alarms(stage: Any) -> dict[str, Any]:
    """What stands now, by name, as ``watchtower status`` tells it."""
    async with stage.store() as store, store.read() as work:
        told = await work.notes.get(STATUS_NOTE) or {}
    return {alarm["name"]: alarm for alarm in told.get("alarms", ())}


async def entries(stage: Any, kind: str) -> list[Entry]:
    """Everything of a kind in the journal."""
    async with stage.store() as store, store.read() as work:
        return [n.entry for n in await work.journal.since(0, 1_000) if n.entry.kind == kind]


async def test_key_change_takes_the_authority_away_and_is_alarmed(stage: Any) -> None:
    """Before anything is owed: when it is, it would be too late to ask for the other key."""
    other = Person.named("a regular key")
    async with stage.tower():
        await stage.until(lambda: _known(stage))
        for change in (
            {"TransactionType": "SetRegularKey", "RegularKey": other.address},
            {"TransactionType": "AccountSet", "SetFlag": DISABLE_MASTER},
        ):
            await stage.hand.settle(change, stage.payee)

        async def lost() -> bool:
            return "authority_lost" in await alarms(stage)

        await stage.until(lost)
        told = (await alarms(stage))["authority_lost"]
    assert told["subject"] == stage.payee.address
    assert "disabled" in told["sentence"]
    words = " ".join(str(entry.facts["why"]) for entry in await entries(stage, "account_altered"))
    assert other.address in words
    assert "master key was disabled" in words


async def test_deposit_auth_is_told_and_does_not_keep_us_from_redeeming(stage: Any) -> None:
    """The payee's own claim works with DepositAuth (rippled PaymentChannelClaim.cpp:167)."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until(lambda: _known(stage))
        await stage.hand.settle(
            {"TransactionType": "AccountSet", "SetFlag": DEPOSIT_AUTH}, stage.payee
        )
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        [entry] = await _until_entries(stage, "account_altered")
    assert "DepositAuth was set" in entry.facts["why"]
    assert await entries(stage, "foreign_transaction") == []


async def test_foreign_close_with_something_at_stake_is_told_with_who_signed(stage: Any) -> None:
    """Whoever has the payee's key can hand the rest back to the payer at once."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until(lambda: _known(stage))
        close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
        await stage.hand.settle(close, stage.payee)
        [entry] = await _until_entries(stage, "foreign_transaction")
    assert entry.channel == channel
    assert entry.facts["unpaid"] == 30 * XRP
    assert "the very key" in entry.facts["who"]


async def test_our_own_redeeming_is_not_foreign(stage: Any) -> None:
    """Neither while it is on its way, nor once its outcome is proven."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")
        close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
        foreign = await stage.hand.settle(close, stage.payee)
        told = await _until_entries(stage, "foreign_transaction")
    assert [entry.facts["transaction"] for entry in told] == [foreign["hash"]]


async def _known(stage: Any) -> bool:
    """Whether the tower has written a status, which it does once it has read everything."""
    async with stage.store() as store, store.read() as work:
        told = await work.notes.get(STATUS_NOTE) or {}
    return told.get("ledger_index") is not None and told.get("accounted") is not None


async def _until_entries(stage: Any, kind: str) -> list[Entry]:
    found: list[Entry] = []

    async def told() -> bool:
        found[:] = await entries(stage, kind)
        return bool(found)

    await stage.until(told)
    return found
