"""What is measured is the pruning of a real store, beside real writes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench import pruning
from bench.scale import Scale
from tests.store import make
from watchtower.store.database import Store


def test_every_other_line_that_was_written_is_about_a_channel_that_is_gone(tmp_path: Path) -> None:
    """Or nothing would be pruned, quickly."""

    async def look() -> tuple[int, int]:
        await pruning.furnish(tmp_path / "w.db", 30)
        opening = Store.open(tmp_path / "w.db", pruning.PASSPHRASE, cost=make.CHEAP)
        async with await opening as store, store.read() as work:
            lines = [each.entry for each in await work.journal.tail(100)]
            gone = [
                known.entry.channel for known in await work.channels.load_all() if known.is_final
            ]
            return len(lines), sum(line.channel in gone for line in lines)

    assert asyncio.run(look()) == (30, 15)


def test_the_report_has_what_the_document_names() -> None:
    """Each number is there, and lines went."""
    told = {one.name: one.value for one in pruning.measure(Scale(lines=400, rounds=2)).readings}

    assert told.keys() == {
        "prune.lines_per_s",
        "prune.page_ms",
        "prune.launch_beside_over_quiet",
        "prune.free_pages",
    }
    assert told["prune.lines_per_s"] > 0
