"""Deliveries on their way: in order, bounded, and ended by the failure of a task."""

from __future__ import annotations

import asyncio

import pytest

from watchtower.ledger.events import LedgerAccounted
from watchtower.ledger.outbox import Outbox
from watchtower.units import LedgerIndex


def accounted(index: int) -> LedgerAccounted:
    """Return a delivery."""
    return LedgerAccounted(ledger_index=LedgerIndex(index))


async def test_what_belongs_together_stays_together() -> None:
    """A putter that waits for room is not overtaken by one that comes when there is some."""
    outbox = Outbox(room=1)
    slow = asyncio.create_task(outbox.put_all(lambda: [accounted(1), accounted(2)]))
    await asyncio.sleep(0)
    quick = asyncio.create_task(outbox.put_all(lambda: [accounted(3)]))
    taken = outbox.take_all()
    async with asyncio.timeout(5):
        assert [await anext(taken) for _ in range(3)] == [accounted(1), accounted(2), accounted(3)]
        await asyncio.gather(slow, quick)


async def test_a_receiver_that_does_not_take_holds_the_putter() -> None:
    """No more than there is room for is kept."""
    outbox = Outbox(room=3)
    putter = asyncio.create_task(outbox.put_all(lambda: [accounted(n) for n in range(100)]))
    done, _ = await asyncio.wait({putter}, timeout=0.05)

    assert done == set()
    assert len(outbox._deliveries) == 3
    putter.cancel()


async def test_the_end_of_a_task_ends_the_deliveries() -> None:
    """A defect is loud: what was learnt before is delivered, then the exception comes out."""
    outbox = Outbox()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("a defect")

    outbox.watch([asyncio.create_task(fail())])
    await outbox.put_all(lambda: [accounted(1)])
    taken = outbox.take_all()

    assert await anext(taken) == accounted(1)
    with pytest.raises(RuntimeError, match="a defect"):
        await anext(taken)


async def test_deliveries_end_when_a_task_has_ended_for_good() -> None:
    """Nothing more can come, so nobody waits for it."""
    outbox = Outbox()
    outbox.watch([asyncio.create_task(asyncio.sleep(0))])
    async with asyncio.timeout(5):
        assert [delivery async for delivery in outbox.take_all()] == []
