"""The machine that a daemon runs on: its network, its disk, its clocks, its luck, and its signals.

All that the daemon has of the outside comes in through here, so that the same daemon runs on a
machine that somebody makes up.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from random import SystemRandom
from typing import TYPE_CHECKING

from watchtower.ledger.socket import Dial
from watchtower.ledger.websocket import dial
from watchtower.store.database import Driver
from watchtower.store.reserve import Measure, measure
from watchtower.tower.tending import Rhythm

if TYPE_CHECKING:
    from httpx import AsyncBaseTransport

__all__ = ["Machine"]


@contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Return what is set once SIGTERM or SIGINT comes, while the context lasts."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextmanager
def _hangups() -> Iterator[asyncio.Event]:
    """Return what is set whenever SIGHUP comes, while the context lasts."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        yield asked
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a daemon has of the machine; by default this one.

    Attributes:
        dial: opens connections to servers.
        driver: reaches SQLite; None for a thread of its own for each connection.
        clock: the host's time, in seconds since 1970. Steady time is the event loop's.
        luck: numbers in [0, 1), for the jitter of reconnects.
        stopping: a context that gives an event, which is set once somebody asks to stop.
        reloading: a context that gives an event, which is set whenever somebody asks that the
            configuration be read again.
        rhythm: how often rounds are made.
        to_cosigners: carries what co-signers are asked; None for sockets of this machine.
        measure: tells how much room a folder's disk has.
    """

    dial: Dial = dial
    driver: Driver | None = None
    clock: Callable[[], float] = time.time
    luck: Callable[[], float] = SystemRandom().random
    stopping: Callable[[], AbstractContextManager[asyncio.Event]] = _signals
    reloading: Callable[[], AbstractContextManager[asyncio.Event]] = _hangups
    rhythm: Rhythm = field(default_factory=Rhythm)
    to_cosigners: AsyncBaseTransport | None = None
    measure: Measure = measure
