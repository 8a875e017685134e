"""What was learnt reaches the disk once, whole, with the cursor last, whatever fails before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.guard.test_watch import OWN, attempt, changed, claim, closed, entry
from tests.store import make
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import Position
from watchtower.store.database import Store
from watchtower.tower.changes import REDEEMED_NOTE, Changes
from watchtower.tower.memory import remember
from watchtower.tower.noted_accounts import ACCOUNT_NOTE
from watchtower.units import Address, Drops, LedgerIndex, RippleTime


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A real store."""
    async with await make.store(tmp_path / "w.db") as opened:
        yield opened


def learnt(changes: Changes) -> Watch:
    """A watch that saw a channel open, close requested and paid by an attempt of ours."""
    watch = Watch([entry().destination], Policy(), claims=[claim(30)], attempts=[attempt()])
    watch.ledger_closed(closed(10))
    for fact in (
        changed(9, entry()),
        changed(10, entry(expiration=RippleTime(820_544_000))),
        changed(11, entry(balance=Drops(30_000_000)), OWN),
    ):
        changes.learned(watch.learn(fact))
    changes.accounted(LedgerIndex(11))
    return watch


async def write(changes: Changes, store: Store, *, fails: bool = False) -> None:
    """Write what is to be written, as the tower does."""
    batch = changes.take()
    try:
        async with store.write() as work:
            await batch.write(work)
            make.interrupt(really=fails)
    except make.Interruption:
        changes.put_back(batch)
        return
    changes.written(batch)


async def test_everything_of_a_ledger_is_on_disk_with_its_cursor(store: Store) -> None:
    """The channel, the outcome, the story and the cursor, in one transaction."""
    changes = Changes(None)
    made = attempt()
    async with store.write() as work:
        await work.attempts.put(made)
    learnt(changes)
    await write(changes, store)
    async with store.read() as work:
        channel = await work.channels.get(entry().channel)
        (kept,) = await work.attempts.for_channel(entry().channel)
        kinds = [numbered.entry.kind for numbered in await work.journal.story(entry().channel)]
        cursor = await work.cursor.get()
    assert channel is not None
    assert channel.as_of == Position(LedgerIndex(11), 0)
    assert kept.outcome is not None
    assert kinds == ["channel_opened", "close_requested", "paid", "renewed", "attempt_settled"]
    assert cursor == 11
    assert not changes.pressing


async def test_failed_write_keeps_everything_for_the_next_try(store: Store) -> None:
    """A handler that throws once loses no close request (Raiden's tower deleted the event)."""
    changes = Changes(None)
    made = attempt()
    async with store.write() as work:
        await work.attempts.put(made)
    learnt(changes)
    await write(changes, store, fails=True)
    async with store.read() as work:
        assert await work.cursor.get() is None
        assert await work.journal.tail(1) == []
    changes.note("judged", None, None, verdict="Settled")
    await write(changes, store)
    async with store.read() as work:
        kinds = [numbered.entry.kind for numbered in await work.journal.tail(10)]
        channel = await work.channels.get(entry().channel)
        (kept,) = await work.attempts.for_channel(entry().channel)
        notes = await work.notes.load_all()
        assert await work.cursor.get() == 11
    assert kinds[0] == "channel_opened"
    assert kinds[-1] == "judged"
    assert len(set(kinds)) == len(kinds)
    assert channel is not None
    assert kept.outcome is not None
    assert REDEEMED_NOTE + entry().channel in notes


def test_idle_ledgers_are_saved_now_and_then_and_at_the_end() -> None:
    """Reading them again is harmless; an fsync for each is not."""
    changes = Changes(LedgerIndex(100))
    pressing = []
    for index in (149, 150):
        changes.accounted(LedgerIndex(index))
        pressing.append(changes.pressing)
    changes.written(changes.take())
    changes.accounted(LedgerIndex(151))
    pressing.append(changes.pressing)
    changes.close()
    pressing.append(changes.pressing)
    assert pressing == [False, True, False, True]


async def test_what_will_be_written_is_told_at_once_and_once(store: Store) -> None:
    """Who follows learns of a close request before the fsync, and not again if that fails."""
    told: list[str] = []
    changes = Changes(None, tell=lambda notes: told.extend(kind for kind, *_ in notes))
    made = attempt()
    async with store.write() as work:
        await work.attempts.put(made)
    learnt(changes)
    changes.note("judged", None, None, verdict="Settled")
    expected = ["channel_opened", "close_requested", "paid", "renewed", "attempt_settled", "judged"]
    assert told == expected
    await write(changes, store, fails=True)
    await write(changes, store)
    assert told == expected


async def test_a_fee_is_noted_for_whom_it_was_paid_by(store: Store) -> None:
    """Also over a restart: the day of the account that somebody else pays for is not touched."""
    payer = Address("rrrrrrrrrrrrrrrrrrrrBZbvji")
    made = replace(attempt(), fee_payer=payer)
    watch = Watch([entry().destination], Policy(), claims=[claim(30)], attempts=[made])
    watch.ledger_closed(closed(10))
    changes = Changes(None)
    async with store.write() as work:
        await work.attempts.put(made)
    changes.learned(watch.learn(changed(9, entry())))
    changes.learned(watch.learn(changed(11, entry(balance=Drops(30_000_000)), OWN)))
    await write(changes, store)

    memory = await remember(store, [entry().destination], Policy())

    memory.watch.ledger_closed(closed(12))
    assert memory.watch.spent(payer) == made.fee
    assert memory.watch.spent(made.account) == 0


async def test_who_may_sign_is_noted_also_after_a_failed_write(store: Store) -> None:
    """The last that was known of an account stands in the store."""
    account = entry().destination
    changes = Changes(None)
    changes.account(account, {"entry": [1, None]})
    assert changes.pressing
    await write(changes, store, fails=True)
    changes.account(account, {"entry": [2, None]})
    await write(changes, store)
    async with store.read() as work:
        assert await work.notes.get(ACCOUNT_NOTE + account) == {"entry": [2, None]}
    assert not changes.pressing
