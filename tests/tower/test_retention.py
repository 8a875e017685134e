"""The journal grows old under a daemon that runs: what nobody needs goes, and nothing waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.store import make
from tests.tower.conftest import PASSPHRASE, XRP, Stage
from watchtower.settings import JournalSettings
from watchtower.store.database import Store
from watchtower.store.journal import Entry
from watchtower.store.retention import PRUNED
from watchtower.tower.retention import Retention
from watchtower.units import LedgerIndex

DAY = 86_400
LONG_GONE = -30 * DAY
"""A ledger of the time before this sandbox began."""


async def fill(path: Path, secret: str, lines: int = 500) -> None:
    """Write an old story about a channel that is long gone."""
    async with (
        await Store.open(path, secret, clock=lambda: 1_000_000_000.0) as store,
        store.write() as work,
    ):
        await work.channels.put(make.channel(1, at=LONG_GONE, closed=True))
        for _ in range(lines):
            await work.journal.append("told", channel=make.channel_id(1))


async def test_daemon_prunes_what_is_long_gone_and_guards_on(stage: Stage) -> None:
    """Its own channels keep their stories, and are redeemed meanwhile."""
    stage.with_settings(journal=JournalSettings(keep_days=30))
    await fill(Path(stage.settings.store), PASSPHRASE)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)

        async def gone() -> bool:
            return not await stage.story(make.channel_id(1))

        await stage.until(gone)
    kinds = [entry.kind for entry in await stage.story(channel)]
    assert kinds[:2] == ["channel_opened", "claim_kept"]
    assert "attempt_settled" in kinds
    async with stage.store() as store, store.read() as work:
        await work.verify()


async def test_daemon_without_a_retention_keeps_everything(stage: Stage) -> None:
    """That is the default: what is gone cannot be asked for any more."""
    await fill(Path(stage.settings.store), PASSPHRASE, lines=3)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.until_told(channel, "judged")
    assert len(await stage.story(make.channel_id(1))) == 3


async def test_pruning_rests_where_room_is_short_and_goes_on_after(tmp_path: Path) -> None:
    """What little room there is, is for redeeming."""
    path = tmp_path / "w.db"
    await (await make.store(path)).close()
    await fill(path, make.PASSPHRASE)
    short = ["the disk is full"]
    async with await make.reopen(path) as store:
        async with store.write() as work:
            await work.cursor.move(LedgerIndex(1))
        retention = Retention(
            store, 30, clock=lambda: 1_800_000_000.0, why_not=lambda: short[0] if short else None
        )
        assert await retention.prune() == 0
        short.clear()
        assert await retention.prune() == 500


async def told_of(store: Store) -> list[Entry]:
    """What the journal says of its own pruning."""
    async with store.read() as work:
        return [each.entry for each in await work.journal.tail(100) if each.entry.kind == PRUNED]


async def test_claims_are_kept_between_two_pages(tmp_path: Path) -> None:
    """Nobody who writes waits for more than one of them."""
    path = tmp_path / "w.db"
    await (await make.store(path)).close()
    await fill(path, make.PASSPHRASE, lines=1_000)
    async with await make.reopen(path) as store:
        async with store.write() as work:
            await work.cursor.move(LedgerIndex(1))
        pruning = asyncio.create_task(Retention(store, 30, clock=lambda: 1_800_000_000.0).prune())
        kept_between = 0
        while not pruning.done():
            async with store.write() as work:
                await work.claims.raise_best(make.claim(2, kept_between + 1))
            kept_between += bool(await told_of(store)) and not pruning.done()
        assert pruning.result() == 1_000
        assert kept_between > 1
        assert sum(entry.facts["entries"] for entry in await told_of(store)) == 1_000
