"""What has begun is finished, and the cancellation is not lost."""

from __future__ import annotations

import asyncio

import pytest

from watchtower.store.uninterrupted import uninterrupted


async def test_a_result_and_an_error_come_through() -> None:
    """As if nothing stood between."""

    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    async def fail() -> None:
        raise KeyError("why")

    assert await uninterrupted(answer()) == 42
    with pytest.raises(KeyError, match="why"):
        await uninterrupted(fail())


@pytest.mark.parametrize("fails", [False, True])
async def test_cancelled_twice_it_still_finishes_and_is_then_cancelled(*, fails: bool) -> None:
    """Impatience does not help, and an error of the action does not hide the cancellation."""
    begun, may_end, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def action() -> None:
        begun.set()
        await may_end.wait()
        finished.set()
        if fails:
            raise KeyError

    task = asyncio.create_task(uninterrupted(action()))
    await begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert finished.is_set()
