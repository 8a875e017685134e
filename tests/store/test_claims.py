"""The best claim only grows, whoever writes and in whatever order."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store import make
from watchtower.store.database import Store

MOVES = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 12), st.booleans()), min_size=1, max_size=12
)


@settings(max_examples=25, deadline=None)
@given(moves=MOVES)
def test_the_best_claim_is_the_highest_ever_kept(moves: list[tuple[int, int, bool]]) -> None:
    """Rule 7, against a dictionary: transactions that fail (``keep`` false) leave no trace."""

    async def play(path: Path) -> None:
        best: dict[int, int] = {}
        async with await make.store(path) as store:
            for number, amount, keep in moves:
                is_news = await _offer(store, number, amount, keep=keep)
                assert is_news == (amount > best.get(number, 0))
                if keep:
                    best[number] = max(amount, best.get(number, 0))
        async with await make.reopen(path) as store, store.read() as work:
            kept = {claim.channel: claim.amount for claim in await work.claims.load_all()}
        assert kept == {make.channel_id(number): amount for number, amount in best.items()}

    with tempfile.TemporaryDirectory() as room:
        asyncio.run(play(Path(room) / "watchtower.db"))


async def _offer(store: Store, number: int, amount: int, *, keep: bool) -> bool:
    is_news = False
    with suppress(make.Interruption):
        async with store.write() as work:
            is_news = await work.claims.raise_best(make.claim(number, amount))
            make.interrupt(really=not keep)
    return is_news


async def test_a_claim_that_is_not_above_changes_nothing(store: Store) -> None:
    """Equal is not above: the first of two claims for the same amount stays."""
    first, equal = make.claim(amount=500), make.claim(amount=500, key=make.OTHER_KEY)
    async with store.write() as work:
        assert await work.claims.raise_best(first)
        assert not await work.claims.raise_best(equal)
        assert await work.claims.best(first.channel) == first


async def test_a_channel_without_claim_has_no_best(store: Store) -> None:
    """And asking makes none."""
    async with store.read() as work:
        assert await work.claims.best(make.channel_id(9)) is None
        assert await work.claims.load_all() == []


async def test_a_claim_under_another_key_does_not_displace_a_pending_one(store: Store) -> None:
    """Until the ledger shows the channel nobody knows whose key is right: both wait."""
    true, forged = make.claim(amount=5), make.claim(amount=999, key=make.OTHER_KEY)
    async with store.write() as work:
        assert await work.claims.put_pending(true)
        assert await work.claims.put_pending(forged)
        assert not await work.claims.put_pending(make.claim(amount=4))
    async with store.read() as work:
        pending = await work.claims.load_pending()
        assert sorted(pending, key=lambda claim: claim.amount) == [true, forged]
        assert await work.claims.load_all() == []


async def test_dropping_a_judged_claim_keeps_one_that_grew_meanwhile(store: Store) -> None:
    """The claim that was judged is not the one that stands there now."""
    judged, grown = make.claim(amount=5), make.claim(amount=6)
    async with store.write() as work:
        await work.claims.put_pending(judged)
        await work.claims.put_pending(grown)
        assert not await work.claims.drop_all_pending([judged])
        assert await work.claims.load_pending() == [grown]
        assert await work.claims.drop_all_pending([grown])
        assert not await work.claims.drop_all_pending([grown])
        assert await work.claims.load_pending() == []
