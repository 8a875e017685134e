"""A restore loses nothing that either side knows, and believes nothing before it is reconciled."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store import make
from tests.store.plain_copy import backup
from watchtower.errors import (
    PassphraseError,
    StoreDamagedError,
    StoreMissingError,
    StoreNetworkError,
)
from watchtower.response.attempt import OutcomeKind
from watchtower.store.database import Store
from watchtower.store.notes import RECOVERY
from watchtower.store.restore import Restored, restore
from watchtower.store.secrets import Standing
from watchtower.store.work import Work
from watchtower.units import LedgerIndex

Fill = Callable[[Work], Awaitable[None]]


async def _filled(path: Path, fill: Fill, *, network: int | None = 1) -> None:
    async with await make.store(path) as store:
        if network is not None:
            await store.pin_network(network)
        async with store.write() as work:
            await fill(work)


async def _restore(room: Path, *, backup_passphrase: str | None = None) -> Restored:
    return await restore(
        room / "b.db",
        room / "w.db",
        make.PASSPHRASE,
        backup_passphrase=backup_passphrase,
        cost=make.CHEAP,
    )


async def _claim_500(work: Work) -> None:
    await work.claims.raise_best(make.claim(1, 500))
    await work.claims.raise_best(make.claim(2, 5))
    await work.cursor.move(LedgerIndex(100))


async def _claim_400(work: Work) -> None:
    await work.claims.raise_best(make.claim(1, 400))
    await work.claims.raise_best(make.claim(3, 7))
    await work.cursor.move(LedgerIndex(120))


async def test_a_backup_becomes_the_store_where_there_is_none(tmp_path: Path) -> None:
    """It is in recovery, and says so in its journal; the backup stays as it is."""
    await _filled(tmp_path / "b.db", _claim_500)
    before = (tmp_path / "b.db").read_bytes()
    restored = await _restore(tmp_path)
    assert restored.is_new_store
    assert restored.claims == 2
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert store.network == 1
        assert await work.notes.get(RECOVERY) == {"backup": "b.db", "cursor": 100, "marks": 1}
        assert await work.cursor.get() == 100
        assert [told.entry.kind for told in await work.journal.tail(1)] == ["store_restored"]
    assert (tmp_path / "b.db").read_bytes() == before
    assert sorted(file.name for file in _files(tmp_path)) == ["b.db", "w.db"]


def _files(room: Path) -> list[Path]:
    return list(room.iterdir())


async def test_two_stores_are_merged_by_maximum(tmp_path: Path) -> None:
    """Of other master keys, each with what the other lacks; the cursor goes to the lower."""
    await _filled(tmp_path / "b.db", _claim_500)
    await _filled(tmp_path / "w.db", _claim_400)
    restored = await _restore(tmp_path)
    assert not restored.is_new_store
    assert restored.claims == 2
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        best = {claim.channel: claim.amount for claim in await work.claims.load_all()}
        assert best == {make.channel_id(1): 500, make.channel_id(2): 5, make.channel_id(3): 7}
        assert await work.cursor.get() == 100
        assert await work.notes.get(RECOVERY) is not None
        await work.verify()


async def test_a_restore_into_a_store_in_recovery_keeps_why_it_was(tmp_path: Path) -> None:
    """A head that speaks against it still does; and who reconciles begins anew, once more."""
    await _filled(tmp_path / "b.db", _claim_500)

    async def in_recovery(work: Work) -> None:
        await _claim_400(work)
        await work.notes.put_in_recovery({"heads": ["/mnt/head.json"], "backup": "a.db"})
        await work.notes.put(
            RECOVERY, {**await work.notes.get(RECOVERY), "missing": {"wss://one.example": "away"}}
        )

    await _filled(tmp_path / "w.db", in_recovery)
    for times in (2, 3):
        await _restore(tmp_path)
        async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
            assert await work.notes.get(RECOVERY) == {
                "heads": ["/mnt/head.json"],
                "missing": {"wss://one.example": "away"},
                "backup": "b.db",
                "cursor": 100,
                "marks": times,
            }


async def test_a_backup_of_a_store_in_recovery_says_why_it_was(tmp_path: Path) -> None:
    """What became the store was in doubt before it was lost, and is in doubt still."""

    async def rebuilt(work: Work) -> None:
        await _claim_500(work)
        await work.notes.put_in_recovery({"rebuilt": ["channels"]})

    await _filled(tmp_path / "b.db", rebuilt)
    await _restore(tmp_path)
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        note = await work.notes.get(RECOVERY)
    assert note == {"rebuilt": ["channels"], "backup": "b.db", "cursor": 100, "marks": 2}


async def test_an_older_backup_of_the_same_store_takes_nothing_back(tmp_path: Path) -> None:
    """The usual mistake: yesterday's backup over today's store. Doing it twice changes no more."""
    path, copy = tmp_path / "w.db", tmp_path / "b.db"
    attempt, key = make.attempt(), make.key()
    async with await make.store(path) as store:
        async with store.write() as work:
            await work.channels.put(make.channel(1, at=100))
            await work.channels.put(make.channel(2, at=100))
            await work.claims.raise_best(make.claim(1, 400))
            await work.attempts.put(attempt)
            await work.secrets.put(key)
            await work.bundles.raise_all([make.presigned(1, 400)])
            await work.journal.append("yesterday")
        await backup(store, copy)
        async with store.write() as work:
            await work.channels.put(make.channel(1, at=110, closed=True))
            await work.claims.raise_best(make.claim(1, 500))
            await work.attempts.settle(
                attempt.account, attempt.seat, attempt.transaction, make.outcome()
            )
            await work.secrets.put(make.key(secret=b"\x07" * 32))
            await work.bundles.raise_all([make.presigned(1, 500)])
            await work.journal.append("today")
    for _ in range(2):
        restored = await _restore(tmp_path)
        assert restored == Restored(
            is_new_store=False,
            channels=0,
            claims=0,
            attempts=0,
            entries=0,
            keys=0,
            file=str(copy),
        )
    async with await make.reopen(path) as store, store.read() as work:
        assert await work.channels.load_all() == [
            make.channel(2, at=100),
            make.channel(1, at=110, closed=True),
        ]
        assert await work.claims.load_all() == [make.claim(1, 500)]
        assert await work.attempts.unsettled() == []
        assert await work.secrets.load_all() == [make.key(secret=b"\x07" * 32)]
        assert await work.bundles.load_all() == [make.presigned(1, 500)]
        kinds = [entry.kind for entry in await work.journal.load_all()]
        assert kinds == ["yesterday", "today", "store_restored", "store_restored"]


async def test_what_only_the_backup_knows_is_taken(tmp_path: Path) -> None:
    """Newer states of channels, attempts and their outcomes, entries, keys, pending claims."""
    attempt, unsettled = make.attempt(blob="12AA"), make.attempt(2, blob="12BB")

    async def older(work: Work) -> None:
        await work.channels.put(make.channel(1, at=100))
        await work.attempts.put(attempt)
        await work.bundles.raise_all([make.presigned(1, 400)])

    async def newer(work: Work) -> None:
        await work.channels.put(make.channel(1, at=101, balance=7))
        await work.channels.put(make.channel(2, at=90))
        await work.claims.put_pending(make.claim(4, 44))
        await work.attempts.put(attempt)
        await work.attempts.settle(
            attempt.account, attempt.seat, attempt.transaction, make.outcome(OutcomeKind.PAID)
        )
        await work.attempts.put(unsettled)
        await work.secrets.put(make.key())
        await work.bundles.raise_all([make.presigned(1, 500), make.presigned(2, ticket=6)])
        await work.journal.append("told", channel=make.channel_id(1))
        await work.cursor.move(LedgerIndex(101))

    await _filled(tmp_path / "w.db", older, network=None)
    await _filled(tmp_path / "b.db", newer)
    restored = await _restore(tmp_path)
    assert restored == Restored(
        is_new_store=False,
        channels=2,
        claims=0,
        attempts=2,
        entries=1,
        keys=1,
        presigned=2,
        file=str(tmp_path / "b.db"),
    )
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert store.network == 1
        assert await work.channels.get(make.channel_id(1)) == make.channel(1, at=101, balance=7)
        assert await work.claims.load_pending() == [make.claim(4, 44)]
        assert await work.attempts.unsettled() == [unsettled]
        (settled,) = await work.attempts.for_channel(make.channel_id(1))
        assert settled.outcome == make.outcome(OutcomeKind.PAID)
        assert await work.secrets.load_all() == [make.key()]
        assert await work.bundles.load_all() == [
            make.presigned(1, 500),
            make.presigned(2, ticket=6),
        ]
        assert [t.entry.kind for t in await work.journal.story(make.channel_id(1))] == ["told"]
        assert await work.cursor.get() == 101


async def test_keys_are_merged_by_what_each_is_for(tmp_path: Path) -> None:
    """A backup from the middle of a rotation puts nothing back that was replaced since."""
    new = replace(make.key(secret=b"\x01" * 32), public_key=make.OTHER_KEY)
    next_one = replace(new, standing=Standing.NEXT)

    async def rotated(work: Work) -> None:
        await work.secrets.put(new)

    async def in_the_middle(work: Work) -> None:
        await work.secrets.put(make.key())
        await work.secrets.put(next_one)

    await _filled(tmp_path / "b.db", in_the_middle)
    await _filled(tmp_path / "w.db", rotated)
    assert (await _restore(tmp_path)).keys == 0
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert await work.secrets.of_account(make.PAYEE) == (new,)
    other = tmp_path / "other"
    other.mkdir()

    async def before(work: Work) -> None:
        await work.secrets.put(make.key())

    await _filled(other / "b.db", in_the_middle)
    await _filled(other / "w.db", before)
    assert (await _restore(other)).keys == 1
    async with await make.reopen(other / "w.db") as store, store.read() as work:
        assert await work.secrets.of_account(make.PAYEE) == (make.key(), next_one)


async def test_a_closed_channel_wins_over_an_open_one_of_the_same_moment(tmp_path: Path) -> None:
    """Ids are never used again: what was seen closed is closed."""

    async def is_open(work: Work) -> None:
        await work.channels.put(make.channel(1, at=100))

    async def is_closed(work: Work) -> None:
        await work.channels.put(make.channel(1, at=100, closed=True))

    await _filled(tmp_path / "w.db", is_open)
    await _filled(tmp_path / "b.db", is_closed)
    assert (await _restore(tmp_path)).channels == 1
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert await work.channels.load_open() == []


async def test_a_backup_of_another_network_is_refused(tmp_path: Path) -> None:
    """Nothing of it is taken."""
    await _filled(tmp_path / "b.db", _claim_500, network=1)
    await _filled(tmp_path / "w.db", _claim_400, network=0)
    with pytest.raises(StoreNetworkError, match="belongs to network 0, and this is network 1"):
        await _restore(tmp_path)
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert await work.claims.best(make.channel_id(2)) is None
        assert await work.cursor.get() == 120
        assert await work.notes.get(RECOVERY) is None


@pytest.mark.parametrize("is_there", [False, True])
async def test_a_backup_with_another_passphrase(tmp_path: Path, *, is_there: bool) -> None:
    """Its own passphrase opens it; the store's opens the store, before and after."""
    opened = await make.store(tmp_path / "b.db", "battery staple")
    async with opened as store, store.write() as work:
        await _claim_500(work)
    if is_there:
        await _filled(tmp_path / "w.db", _claim_400)
    with pytest.raises(PassphraseError, match=r"b\.db"):
        await _restore(tmp_path)
    assert (tmp_path / "w.db").exists() == is_there
    await _restore(tmp_path, backup_passphrase="battery staple")
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert await work.claims.best(make.channel_id(1)) == make.claim(1, 500)


async def test_a_backup_cut_short_is_refused_whole(tmp_path: Path) -> None:
    """Neither a new store nor an old one gets half of it."""
    await _filled(tmp_path / "b.db", _claim_500)
    whole = (tmp_path / "b.db").read_bytes()
    (tmp_path / "b.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreDamagedError, match=r"b\.db"):
        await _restore(tmp_path)
    assert not (tmp_path / "w.db").exists()
    await _filled(tmp_path / "w.db", _claim_400)
    with pytest.raises(StoreDamagedError, match=r"b\.db"):
        await _restore(tmp_path)
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert await work.claims.best(make.channel_id(1)) == make.claim(1, 400)


async def test_a_missing_backup_is_said(tmp_path: Path) -> None:
    """And makes no store."""
    with pytest.raises(StoreMissingError, match=r"b\.db"):
        await _restore(tmp_path)
    assert _files(tmp_path) == []


AMOUNTS = st.dictionaries(st.integers(1, 4), st.integers(1, 9))


@settings(max_examples=15, deadline=None)
@given(mine=AMOUNTS, theirs=AMOUNTS)
def test_no_restore_lowers_a_claim(mine: dict[int, int], theirs: dict[int, int]) -> None:
    """Whatever both sides hold, the result is the maximum of each channel."""

    def keep(amounts: dict[int, int]) -> Fill:
        async def fill(work: Work) -> None:
            for number, amount in amounts.items():
                await work.claims.raise_best(make.claim(number, amount))

        return fill

    async def play(room: Path) -> dict[str, int]:
        await _filled(room / "w.db", keep(mine))
        await _filled(room / "b.db", keep(theirs))
        await _restore(room)
        return await _best(await make.reopen(room / "w.db"))

    with tempfile.TemporaryDirectory() as room:
        best = asyncio.run(play(Path(room)))
    assert best == {
        make.channel_id(number): max(mine.get(number, 0), theirs.get(number, 0))
        for number in mine.keys() | theirs.keys()
    }


async def _best(opened: Store) -> dict[str, int]:
    async with opened as store, store.read() as work:
        await work.verify()
        return {claim.channel: claim.amount for claim in await work.claims.load_all()}
