"""One server of several lies about the ledger itself: no lie moves money, or the tower."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.tower.conftest import XRP, Stage
from watchtower.ledger.reputation import Fault
from watchtower.sandbox.server import Sandbox
from watchtower.tower.tending import STATUS_NOTE

FAR = 2_000_000_000
"""A close time years ahead."""

LIES: list[tuple[str, dict[str, object]]] = [
    ("ledger_time", {"ledger_time": FAR}),
    ("ledger_index", {"ledger_index": 5_000}),
    ("reserve", {"reserve_base": 4_000_000_000}),
    ("empty ledgers", {"txn_count": 0}),
]


@asynccontextmanager
async def beside(stage: Stage, lies: dict[str, object]) -> AsyncIterator[Sandbox]:
    """An honest server beside the stage's own, which is heard first, and lies from now on."""
    async with Sandbox(beside=stage.sandbox) as honest:
        stage.sandbox.misbehave(lies={"ledgerClosed": lies, "subscribe": lies})
        stage.with_settings(servers=(stage.sandbox.url, honest.url))
        yield honest


def _ignore(_: object) -> None:
    """Take what nobody asks for."""


@pytest.mark.parametrize("lies", [lies for _, lies in LIES], ids=[name for name, _ in LIES])
async def test_server_that_lies_about_ledgers_keeps_no_claim_from_being_paid(
    stage: Stage, lies: dict[str, object]
) -> None:
    """By its word the channel is over, the ledger far ahead, the account poor, nothing happened."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with beside(stage, lies):
        stage.pace = 0.05
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)


async def test_tower_that_starts_with_a_liar_pays_a_channel_that_is_closing_already(
    stage: Stage,
) -> None:
    """It never saw the close request, and the liar says that the channel's end has passed."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    async with beside(stage, {"ledger_time": FAR}):
        stage.pace = 0.05
        async with stage.tower():
            await stage.until_paid(channel, 30 * XRP)


async def test_server_that_lies_about_a_result_is_ranked_down_and_the_status_says_why(
    stage: Stage,
) -> None:
    """It calls malformed what it passes on, and what the ledger then takes."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with beside(stage, {}) as honest:
        lie = {"count": 1_000, "answer": "temBAD_SEQUENCE", "apply": True}
        stage.pace = 0.1
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request_and_then(
                channel, lambda: _ignore(stage.sandbox.misbehave(submissions=lie))
            )
            await stage.until_told(channel, "attempt_settled")
            ranks: dict[str, tuple[int, str]] = {}

            async def told() -> bool:
                async with stage.store() as store, store.read() as work:
                    status = await work.notes.get(STATUS_NOTE) or {"servers": ()}
                ranks.update({s["server"]: (s["rank"], s["why"]) for s in status["servers"]})
                return any(rank for rank, _ in ranks.values())

            await stage.until(told, closing=False)
    assert ranks[stage.sandbox.url][1] == Fault.MISJUDGED.value
    assert ranks[honest.url] == (0, "")
