"""The whole room against a ledger with real rules: what is told is what the ledger holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from xrpl.core.binarycodec import encode

from watchtower.ledger.events import (
    ChannelChanged,
    ChannelDeleted,
    ChannelMissing,
    LedgerAccounted,
    SeatUsed,
)
from watchtower.ledger.health import HistoryMissing, ServerUnreachable, StateReconciled
from watchtower.ledger.servers import Servers
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.units import Address, ChannelId, Drops

CLOSE = 0x00020000
PAYER = Person.named("payer")
PAYEE = Person.named("payee")

Watching = Callable[..., Any]


@asynccontextmanager
async def a_ledger() -> AsyncIterator[tuple[Sandbox, Hand]]:
    """Open a ledger whose clock stands still, with a payer and a payee on it."""
    async with Sandbox() as sandbox, Hand(sandbox.url, accepts=True) as hand:
        await hand.fund(PAYER, PAYEE)
        yield sandbox, hand


def claim(channel: ChannelId, drops: int) -> dict[str, Any]:
    """Return the payee's redeeming of the payer's claim."""
    return {
        "TransactionType": "PaymentChannelClaim",
        "Channel": channel,
        "Balance": str(drops),
        "Amount": str(drops),
        "Signature": PAYER.sign_claim(channel, Drops(drops)),
        "PublicKey": PAYER.public_key,
    }


def close(channel: ChannelId) -> dict[str, Any]:
    """Return the payer's request to close."""
    return {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": CLOSE}


async def test_the_life_of_a_channel_is_told_as_the_ledger_holds_it(watching: Watching) -> None:
    """Created, redeemed through us, asked to close, expired and finalised; with a cut between."""
    async with Sandbox() as sandbox:
        accounts = (PAYEE.address,)
        async with watching(sandbox, cursor=None, accounts=accounts) as (receiver, servers):
            await receiver.first(StateReconciled)
            async with Hand(sandbox.url, accepts=True) as hand:
                await hand.fund(PAYER, PAYEE)
                channel = await hand.create_channel(PAYER, PAYEE, 1_000_000, 60)
                await receiver.until(lambda: receiver.of(ChannelChanged))
                (sequence,) = await servers.account_sequences(Address(PAYEE.address))
                built = await hand.build({**claim(channel, 300_000), "Sequence": sequence}, PAYEE)
                [answer] = await servers.submit(encode(built))
                assert answer.engine_result == "tesSUCCESS"
                assert answer.account_sequence_next == sequence + 1
                await sandbox.accept()
            await receiver.until(lambda: receiver.of(ChannelChanged)[-1].entry.balance == 300_000)
            sandbox.cut()
            await receiver.first(ServerUnreachable)
            async with Hand(sandbox.url, accepts=True) as hand:
                await hand.settle(close(channel), PAYER)
                await receiver.until(lambda: receiver.of(ChannelChanged)[-1].entry.expiration)
                fact = await servers.read_channel(channel)
                assert isinstance(fact, ChannelChanged)
                assert fact.entry == receiver.of(ChannelChanged)[-1].entry
                await sandbox.advance(62)
                await hand.settle(close(channel), PAYER)
            await receiver.until(lambda: receiver.of(ChannelDeleted))
            assert isinstance(await servers.read_channel(channel), ChannelMissing)
            await sandbox.accept()
            await receiver.accounted(sandbox.ledger_index - 1)

    assert receiver.of(ChannelDeleted)[0].entry.balance == 300_000
    assert [used.seat.number for used in receiver.of(SeatUsed)] == [sequence]


async def test_what_happened_while_we_slept_is_told(watching: Watching) -> None:
    """The last look, a sleep, and a start from the cursor."""
    async with a_ledger() as (sandbox, hand):
        channel = await hand.create_channel(PAYER, PAYEE, 1_000_000, 60)
        cursor = sandbox.ledger_index
        for drops in (1_000, 2_000, 3_000):
            await hand.settle(claim(channel, drops), PAYEE)
        await hand.settle(close(channel), PAYER)
        async with watching(
            sandbox, cursor=cursor, accounts=(PAYEE.address,), open_channels=[channel]
        ) as (receiver, _):
            await receiver.accounted(cursor + 4)

    told = [fact for fact in receiver.of(ChannelChanged) if fact.transaction]
    assert [fact.entry.balance for fact in told] == [1_000, 2_000, 3_000, 3_000]
    assert told[-1].entry.expiration is not None


async def test_history_that_the_server_forgot_is_an_alarm(watching: Watching) -> None:
    """The cursor waits, and the channel is guarded from its present state."""
    async with a_ledger() as (sandbox, hand):
        channel = await hand.create_channel(PAYER, PAYEE, 1_000_000, 60)
        cursor = sandbox.ledger_index
        await hand.settle(claim(channel, 1_000), PAYEE)
        await sandbox.advance(5)
        sandbox.forget_before(sandbox.ledger_index - 1)
        async with watching(
            sandbox, cursor=cursor, accounts=(PAYEE.address,), open_channels=[channel]
        ) as (receiver, _):
            missing = await receiver.first(HistoryMissing)
            await receiver.first(StateReconciled)

    assert missing.first == cursor + 1
    assert receiver.of(LedgerAccounted) == []
    assert {fact.entry.balance for fact in receiver.of(ChannelChanged)} == {1_000}


async def test_many_channels_are_found_page_by_page(watching: Watching) -> None:
    """More entries than a page holds."""
    count = 230
    async with a_ledger() as (sandbox, hand):
        first = (await hand.request("account_info", account=PAYER.address))["account_data"]
        for number in range(count):
            await hand.submit(
                {
                    "TransactionType": "PaymentChannelCreate",
                    "Destination": PAYEE.address,
                    "Amount": "1000000",
                    "SettleDelay": 3600,
                    "PublicKey": PAYER.public_key,
                    "Sequence": first["Sequence"] + number,
                },
                PAYER,
                fee=1_000_000,
            )
        await sandbox.accept()
        async with watching(sandbox, cursor=None, accounts=(PAYEE.address,)) as (receiver, _):
            await receiver.first(StateReconciled)

    assert len({fact.entry.channel for fact in receiver.of(ChannelChanged)}) == count


@pytest.mark.parametrize("hangs", [False, True], ids=["cut", "hanging"])
async def test_a_fast_ledger_with_a_bad_connection_is_followed(
    watching: Watching, *, hangs: bool
) -> None:
    """Ledgers every tenth of a second, and a connection that never lasts."""
    async with Sandbox(clock=Clock.FAST) as sandbox:
        async with Hand(sandbox.url) as hand:
            await hand.fund(PAYER, PAYEE)
            channel = await hand.create_channel(PAYER, PAYEE, 1_000_000, 3600)
        accounts = (PAYEE.address,)
        async with watching(sandbox, cursor=None, accounts=accounts) as (receiver, servers):
            await receiver.first(StateReconciled)
            for drops in range(1_000, 11_000, 1_000):
                async with Hand(sandbox.url) as hand:
                    await hand.settle(claim(channel, drops), PAYEE)
                if hangs:
                    sandbox.hang()
                    await asyncio.sleep(0.05)
                    sandbox.resume()
                else:
                    sandbox.cut()
            last = sandbox.ledger_index
            await receiver.accounted(last)
            fact = await servers.read_channel(channel)

    assert isinstance(fact, ChannelChanged)
    balances = {f.entry.balance for f in receiver.of(ChannelChanged) if f.transaction}
    assert balances == set(range(1_000, 11_000, 1_000))
    assert fact.entry.balance == 10_000


async def test_one_look_by_the_command_line() -> None:
    """A channel, an account, a fee; and out again."""
    async with a_ledger() as (sandbox, hand):
        channel = await hand.create_channel(PAYER, PAYEE, 1_000_000, 60)
        async with Servers.connected([sandbox.url]) as servers:
            fact = await servers.read_channel(channel)
            found = await servers.find_channels(Address(PAYEE.address))
            assert await servers.account_exists(Address(PAYEE.address))
            assert not await servers.account_exists(Address(Person.named("nobody").address))
            assert (await servers.fee()).open_ledger_fee == 10

    assert isinstance(fact, ChannelChanged)
    assert found.channels == (fact,)
