"""Calls that block take their turn on one thread, and none of them holds up who asks for ever."""

from __future__ import annotations

import asyncio
import threading

import pytest

from watchtower.keys.own_thread import OwnThread

LONG = 30.0
SHORT = 0.02


async def test_all_calls_run_on_one_thread_one_behind_the_other() -> None:
    """What is in there is never entered twice."""
    own, inside = OwnThread("own"), threading.Lock()

    def alone() -> int:
        assert inside.acquire(blocking=False)
        inside.release()
        return threading.get_ident()

    threads = await asyncio.gather(*(own.call(alone, LONG) for _ in range(20)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_what_is_raised_there_is_raised_here() -> None:
    """And the thread goes on."""
    own = OwnThread("own")
    with pytest.raises(ZeroDivisionError):
        await own.call(lambda: 1 // 0, LONG)
    assert await own.call(lambda: 7, LONG) == 7


async def test_while_a_call_hangs_all_others_are_refused_at_once_and_none_is_begun() -> None:
    """Until it returns; then the thread is as good as before."""
    own, released, begun = OwnThread("own"), threading.Event(), list[int]()
    with pytest.raises(TimeoutError):
        await own.call(released.wait, SHORT)
    for _ in range(3):
        asking = own.call(lambda: begun.append(1), LONG)
        with pytest.raises(TimeoutError):
            asking.send(None)  # it does not even wait for the loop
    released.set()
    while True:
        try:
            assert await own.call(lambda: 7, LONG) == 7
            break
        except TimeoutError:
            await asyncio.sleep(0)
    assert begun == []


async def test_who_waits_behind_a_call_that_hangs_is_not_begun_later() -> None:
    """Whoever asked has given up; a signature that comes late is nobody's."""
    own, released, begun = OwnThread("own"), threading.Event(), list[int]()
    first = asyncio.create_task(own.call(released.wait, LONG))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await own.call(lambda: begun.append(1), SHORT)
    released.set()
    await first
    assert await own.call(lambda: list(begun), LONG) == []


async def test_who_is_cancelled_leaves_the_thread_to_the_next() -> None:
    """What was under way ends by itself."""
    own, released = OwnThread("own"), threading.Event()
    first = asyncio.create_task(own.call(released.wait, LONG))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    released.set()
    assert await own.call(lambda: 7, LONG) == 7
