"""What was signed ahead only grows, for each channel and ticket."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.store import make
from watchtower.response.bundle import Presigned
from watchtower.store.database import Store


async def kept(store: Store) -> list[Presigned]:
    """What the store has, in order."""
    async with store.read() as work:
        return await work.bundles.load_all()


async def test_the_higher_claim_stays_whatever_comes_when(tmp_path: Path) -> None:
    """An older bundle that is imported late takes nothing back."""
    high, low = make.presigned(1, 500), make.presigned(1, 400)
    async with await make.store(tmp_path / "w.db") as store:
        for each, news in ((low, 1), (high, 1), (low, 0), (high, 0)):
            async with store.write() as work:
                assert await work.bundles.raise_all([each]) == news
        assert await kept(store) == [high]


async def test_each_ticket_and_each_channel_has_its_own(tmp_path: Path) -> None:
    """Two tickets stand for one channel, and one burnt does not take the other."""
    all_of_them = [
        make.presigned(1, ticket=5),
        make.presigned(1, ticket=6),
        make.presigned(2, ticket=7),
    ]
    async with await make.store(tmp_path / "w.db") as store:
        async with store.write() as work:
            await work.bundles.raise_all(all_of_them)
        async with store.write() as work:
            assert await work.bundles.drop_all([all_of_them[0], make.presigned(9)]) == 1
        assert await kept(store) == all_of_them[1:]


async def test_the_same_claim_for_higher_fees_is_better(tmp_path: Path) -> None:
    """A payee that signed too low signs anew."""
    async with await make.store(tmp_path / "w.db") as store:
        for fees in ((12,), (12, 5_000), (12, 20)):
            async with store.write() as work:
                await work.bundles.raise_all([make.presigned(fees=fees)])
        assert await kept(store) == [make.presigned(fees=(12, 5_000))]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=12))
def test_what_is_better_is_better_in_every_order(told: list[tuple[int, int]]) -> None:
    """A total order: merging copies gives the same, whoever is merged into whom."""
    each = [make.presigned(1, amount, fees=(10 * fee,)) for amount, fee in told]
    best = max(each, key=lambda one: one.worth, default=None)
    assert best == max(reversed(each), key=lambda one: one.worth, default=None)
