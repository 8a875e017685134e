"""A thousand channels of one payee that close in one ledger, on a ledger with little room."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.judgement.claim import Claim
from watchtower.ledger.servers import Servers
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import channel_index
from watchtower.sandbox.transaction import parse_json
from watchtower.settings import TicketSettings
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import guard_of

CHANNELS = 1_000
RECORDED = QueueSettings(
    minimum_txn_in_ledger=10,
    target_txn_in_ledger=20,
    maximum_txn_in_ledger=30,
    maximum_txn_per_account=10,
)
"""The queue of the recording ``fee_escalation_and_queue``."""

RICH_FEE = "100000000"
"""Drops with which the payer gets a thousand transactions into one ledger of thirty."""


def flood(stage: Stage, transactions: list[dict[str, object]]) -> None:
    """Let the payer send everything within one ledger, whatever it costs."""
    node = stage.sandbox.node
    for fields in transactions:
        signed = stage.payer.sign_transaction({"Fee": RICH_FEE, **fields})
        assert node.network.submit(parse_json(signed)).result == "tesSUCCESS"


@pytest.mark.regression
async def test_07_thousand_channels_that_close_in_one_ledger_are_all_redeemed_cheaply(
    tmp_path: Path,
) -> None:
    """Inside the settle delay, by what the ledger takes at the base fee and what the queue holds.

    The reuse of one sequence, or a burst of ten times what the ledger holds, would lose most.
    """
    async with stage_on(tmp_path, queue=RECORDED) as stage:
        stage.with_settings(tickets=TicketSettings(pool=4, low_water=2))
        stage.pace = 0.1
        channels = await open_channels(stage)
        await keep_claims(stage, channels)
        before = await stage.money()
        async with stage.tower():
            await stage.until_tickets(4)
            close_all(stage, channels)
            first = await stage.sandbox.accept()
            while unpaid(stage, channels):
                await until_the_ledger_is_full(stage, unpaid(stage, channels))
                await stage.sandbox.accept()
                assert stage.sandbox.ledger_index - first < CHANNELS // 10
            took = stage.sandbox.ledger_index - first
        fees = before + CHANNELS * XRP - await stage.money()
    # A ledger of thirty takes thirty-one at the base fee; the rest is what getting going costs.
    assert took < CHANNELS // 31 * 5 // 4
    assert fees < CHANNELS * 10 * 5 // 4


async def open_channels(stage: Stage) -> list[ChannelId]:
    """Open a thousand channels from the payer to the payee."""
    await stage.hand.fund(stage.payer, xrp=1_000_000)
    sequence = next_sequence(stage)
    create = {
        "TransactionType": "PaymentChannelCreate",
        "Account": stage.payer.address,
        "Destination": stage.payee.address,
        "Amount": str(XRP),
        "SettleDelay": 3_600,
        "PublicKey": stage.payer.public_key,
    }
    flood(stage, [{**create, "Sequence": sequence + n} for n in range(CHANNELS)])
    await stage.sandbox.accept()
    return [
        ChannelId(channel_index(stage.payer.address, stage.payee.address, sequence + n))
        for n in range(CHANNELS)
    ]


def next_sequence(stage: Stage) -> int:
    """The payer's next sequence."""
    sequence = stage.sandbox.node.network.submissions.next_sequence(stage.payer.address)
    assert sequence is not None
    return sequence


async def keep_claims(stage: Stage, channels: list[ChannelId]) -> None:
    """Give the tower a claim for all of every channel."""
    async with stage.store() as store, Servers.connected([stage.sandbox.url]) as servers:
        intake = Intake(store, guard_of(stage.settings))
        for number, channel in enumerate(channels):
            if number % 100 == 0:
                # A server without a new ledger is taken for a silent one in the end.
                await stage.sandbox.accept()
            claim = Claim(
                channel=channel,
                amount=Drops(XRP),
                public_key=stage.payer.public_key,
                signature=stage.payer.sign_claim(channel, Drops(XRP)),
            )
            fact = await servers.read_channel(channel)
            await intake.take(claim, Sight(fact=fact, ledger_time=RippleTime(0)))


def close_all(stage: Stage, channels: list[ChannelId]) -> None:
    """The payer asks to close every channel, in one ledger."""
    sequence = next_sequence(stage)
    close = {
        "TransactionType": "PaymentChannelClaim",
        "Account": stage.payer.address,
        "Flags": 0x00020000,
    }
    flood(
        stage,
        [
            {**close, "Channel": channel, "Sequence": sequence + n}
            for n, channel in enumerate(channels)
        ],
    )


async def until_the_ledger_is_full(stage: Stage, owed: int) -> None:
    """Give the tower the time it needs, as ledgers of four seconds do on any machine."""
    network = stage.sandbox.node.network
    room = min(owed, network.price().expected_size + 1)
    with suppress(TimeoutError):
        async with asyncio.timeout(4):
            while len(network.chain.open_transactions) < room:  # noqa: ASYNC110 - a condition
                await asyncio.sleep(0.02)


def unpaid(stage: Stage, channels: list[ChannelId]) -> int:
    """How many channels have not paid everything, by the ledger itself."""
    view = stage.sandbox.node.snapshot(stage.sandbox.ledger_index)
    entries = [view.read(channel) for channel in channels]
    return sum(1 for entry in entries if entry and entry["Balance"] != entry["Amount"])
