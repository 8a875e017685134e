"""Time that passes only when nobody has anything to do, and the same order every time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from simulation.loop import Stalled, play


def test_a_day_of_sleep_takes_no_time() -> None:
    """The clock goes on by what was slept; the test would not end before tomorrow otherwise."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(asyncio.sleep(86_400), asyncio.sleep(3_600))
        return loop.time() - began

    assert play(story) == pytest.approx(86_400)


def test_what_would_run_in_a_thread_runs_at_once() -> None:
    """A thread would come back whenever it likes."""

    async def story() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(threading.get_ident)

    assert play(story) == threading.get_ident()


def test_waiting_for_what_nobody_will_do_is_told() -> None:
    """A real loop would wait for ever."""

    async def story() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled, match="nothing is left"):
        play(story)


def test_tasks_are_walked_through_in_the_order_of_their_making() -> None:
    """Sets of tasks are ordered by where these lie in memory elsewhere."""

    async def story() -> list[str]:
        ended: list[str] = []

        async def wait(name: str) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                ended.append(name)

        async def fail() -> None:
            async with asyncio.TaskGroup() as tasks:
                for number in range(50):
                    tasks.create_task(wait(f"task {number}"))
                await asyncio.sleep(1)
                raise RuntimeError

        with pytest.raises(ExceptionGroup):
            await fail()
        return ended

    assert play(story) == [f"task {number}" for number in range(50)]
