"""What became of a channel, as a tower that runs is asked for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store import make
from watchtower.interfaces.past import past_of
from watchtower.store.database import Store
from watchtower.store.journal import Line
from watchtower.units import LedgerIndex


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give a new store."""
    async with await make.store(tmp_path / "watchtower.db") as opened:
        yield opened


async def test_story_goes_on_where_a_page_of_it_ends(store: Store) -> None:
    """Each entry once, though causes are told before what was done, and the last page says so."""
    channel = make.channel_id(1)
    lines: list[Line] = []
    for ledger in range(1, 51):
        lines.append(("attempt_made", channel, LedgerIndex(ledger), {}))
        lines.append(("close_requested", channel, LedgerIndex(ledger), {}))
    async with store.write() as work:
        await work.journal.append_all(lines)
    before, seen = None, []
    async with store.read() as work:
        while True:
            past = await past_of(work, channel, before, 30)
            seen.append([(each.entry.ledger_index, each.entry.kind) for each in past.story])
            before = past.goes_on_before
            if before is None:
                break
    assert [len(page) for page in seen] == [30, 30, 30, 10]
    assert [each for page in seen for each in page] == [
        (ledger, kind)
        for ledger in range(50, 0, -1)
        for kind in ("attempt_made", "close_requested")
    ]


async def test_page_that_holds_the_whole_story_goes_on_nowhere(store: Store) -> None:
    """As many entries as there is room for are all of them; of no channel there are none."""
    channel = make.channel_id(1)
    async with store.write() as work:
        await work.journal.append_all([("claim_kept", channel, None, {})] * 30)
    async with store.read() as work:
        assert (await past_of(work, channel, None, 30)).goes_on_before is None
        assert (await past_of(work, channel, None, 29)).goes_on_before == 2
        assert await past_of(work, make.channel_id(2), None, 30) == ([], 0, [], None)


async def test_newest_attempts_are_told_and_how_many_there_were(store: Store) -> None:
    """A channel that is redeemed every hour has thousands."""
    attempts = [make.attempt(1, seat=n, blob=f"12{n:04X}", at=100 + n) for n in range(1, 31)]
    async with store.write() as work:
        await work.attempts.put_all(attempts)
    async with store.read() as work:
        past = await past_of(work, make.channel_id(1), None, 30)
    assert past.attempts_in_all == 30
    assert past.attempts == attempts[:9:-1]
