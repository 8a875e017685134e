"""Attack: change the store's file where it lies, to have a claim forgotten or a payment not made.

The attacker can write the file and does not know the key: it swaps rows, deletes them, puts back
what it has copied yesterday, cuts the journal, or copies lines of another copy in. The tower must
not act on any of it, and the operator must learn what was changed and what can be had again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store import make
from tests.tower.conftest import XRP, Stage
from watchtower.errors import StoreTamperedError
from watchtower.store.audit import Audit
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.units import ChannelId


async def guarded(stage: Stage, *amounts: int) -> ChannelId:
    """Have a tower guard a channel with claims, and stop."""
    channel = await stage.channel()
    for amount in amounts:
        await stage.keep(channel, amount)
    async with stage.tower():
        await stage.until_told(channel, "judged")
    return channel


async def audited(stage: Stage) -> Audit:
    """Look through the store."""
    async with stage.store() as store, store.read() as work:
        return await work.auditor().look()


async def rebuilt(store: Store) -> None:
    """Rebuild the store, as ``watchtower store rebuild`` does."""
    async with store.write() as work:
        auditor = work.auditor()
        await auditor.look()
        gone = await auditor.rebuild()
        await work.notes.put(RECOVERY, {"rebuilt": sorted(gone)})


COPY = "ATTACH DATABASE '{}' AS yesterday"
ATTACKS = {
    "a claim of yesterday replayed": (
        "DELETE FROM claims",
        "INSERT INTO claims SELECT * FROM yesterday.claims",
    ),
    "a table truncated": ("DELETE FROM claims",),
    "rows swapped between tables": (
        "DELETE FROM claims",
        "INSERT INTO claims SELECT row, topic, version, sealed FROM open_channels",
    ),
    "the journal cut short": ("DELETE FROM journal WHERE row = (SELECT max(row) FROM journal)",),
    "the journal of a fork": (
        "DELETE FROM journal",
        "INSERT INTO journal SELECT * FROM yesterday.journal",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_store_that_was_changed_is_not_believed_and_what_was_changed_is_named(
    stage: Stage, tmp_path: Path, attack: str
) -> None:
    """Whoever reads all of it says which table it was."""
    channel = await guarded(stage, 10 * XRP)
    async with stage.store() as store:
        await store.copy_into(tmp_path / "yesterday")
    await stage.keep(channel, 30 * XRP)
    async with stage.store() as store, store.write() as work:
        await work.journal.append("later")
    path = Path(stage.settings.store)
    make.tamper(path, COPY.format(tmp_path / "yesterday"), *ATTACKS[attack])
    table = "journal" if "journal" in attack else "claims"

    assert table in {each.table for each in (await audited(stage)).problems}
    with pytest.raises(StoreTamperedError, match=table):
        async with stage.store() as store, store.read() as work:
            await work.verify()


@pytest.mark.parametrize(
    "attack", ["DELETE FROM open_channels", "UPDATE open_channels SET sealed = zeroblob(220)"]
)
async def test_channels_that_were_taken_out_are_read_from_the_ledger_and_redeemed(
    stage: Stage, attack: str
) -> None:
    """The tower does not begin on such a store; rebuilt, it guards the channel as before."""
    channel = await guarded(stage, 30 * XRP)
    make.tamper(Path(stage.settings.store), attack)
    async with stage.tower() as refused:
        with pytest.raises(StoreTamperedError, match="open_channels"):
            await refused
    async with stage.store() as store:
        await rebuilt(store)
    assert (await audited(stage)).problems == []

    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
    assert (await audited(stage)).problems == []
