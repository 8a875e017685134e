"""What has begun is finished, and the cancellation is not lost."""

from __future__ import annotations

import asyncio

import pytest

from watchtower.store.uninterrupted import Promised, uninterrupted


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


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_promised_comes_though_who_waits_is_cancelled_twice(*, fails: bool) -> None:
    """The answer is there when the cancellation arrives, and an error does not hide it."""
    promised: Promised[int] = Promised()

    async def wait() -> int:
        return await promised

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    if fails:
        promised.set_exception(KeyError("why"))
    else:
        promised.set_result(42)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not promised.cancelled()


async def test_what_is_promised_is_handed_over() -> None:
    """A result and an error, as of any future."""
    kept: Promised[int] = Promised()
    kept.set_result(42)
    broken: Promised[int] = Promised()
    broken.set_exception(KeyError("why"))
    assert await kept == 42
    with pytest.raises(KeyError, match="why"):
        await broken
