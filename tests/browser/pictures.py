"""The pictures of the documents: a real daemon over three servers of the sandbox, an hour into it.

    python -m tests.browser.pictures docs/pictures

A payee with fifteen channels: readers promise more all the time, some ask to close and are
redeemed, one cannot be protected, and in the end servers lose what they took while three more ask
to close. The ledger's clock stands still but for what the story lets pass: an hour and a half, in
as many seconds; it begins so early that it ends with this machine's.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import structlog
from playwright.async_api import Page, ViewportSize

from tests.browser.conftest import Shown, chromium, free_port
from tests.store.make import CHEAP
from tests.tower.conftest import PASSPHRASE, TF_CLOSE, XRP, Stage
from watchtower.keys.vault import Algorithm, Vault
from watchtower.machine import Machine
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import (
    AuthoritySettings,
    HttpSettings,
    PolicySettings,
    Settings,
)
from watchtower.store.database import Store
from watchtower.tower.tending import Rhythm
from watchtower.units import ChannelId, ripple_time

_READERS: Final = 12
_WRAPS: Final = 3
_CLOSING: Final = (12, 25, 38, 50)
_PRESSING: Final = (2_700, 5_400, 10_800)
"""Settle delays of those who ask to close while nothing gets through."""
_PRESSED: Final = 60
"""The round in which they do."""
_SLOW_READER: Final = 18
_MANY: Final = 1_000
_SECONDS: Final = 60
"""Of ledger time, from round to round."""
_TURNS: Final = 90
"""Rounds of the story, a second or so each."""
_LOOKS: Final = 2
"""Rests in each of them, in which the tower looks at how things stand."""
_RHYTHM: Final = Rhythm(rounds=0.1)
"""As many rounds of the tower in its hour as one has that lives in real time."""

_WIDE: Final = ViewportSize(width=1180, height=1180)


class _Story:
    """What happens while the tower runs; the same each time but for the seconds it takes."""

    def __init__(self, stage: Stage, servers: Sequence[Sandbox]) -> None:
        self._stage = stage
        self._servers = servers
        self._luck = random.Random(10)  # noqa: S311 - a story, and the same one each time
        self._promised: dict[ChannelId, int] = {}
        self._reading: list[ChannelId] = []
        self._pressing: list[ChannelId] = []

    async def open(self) -> None:
        """Open all channels; one of them overflows the ledger's clock when it closes."""
        for number in range(_READERS):
            delay = 2**32 - 1 if number == _WRAPS else self._luck.choice((3600, 7200, 86_400))
            await self._open(delay)
        self._reading = list(self._promised)
        self._pressing = [await self._open(delay) for delay in _PRESSING]

    async def _open(self, delay: int) -> ChannelId:
        channel = await self._stage.channel(self._luck.randrange(40, 400) * XRP, delay)
        self._promised[channel] = 0
        return channel

    @property
    def pressing(self) -> ChannelId:
        """The channel with the nearest deadline."""
        return self._pressing[0]

    async def turn(self, number: int) -> None:
        """Let readers read for a while; now and then one asks to close."""
        for channel in self._luck.sample(self._reading, 2):
            await self._promise(channel)
        if number in _CLOSING:
            await self._redeemed(self._reading.pop())
        if number % _SLOW_READER == 0:
            for channel in self._pressing:
                await self._promise(channel)
        if number == _PRESSED:
            await self._press()
        for _ in range(_LOOKS):
            await self._stage.sandbox.advance(_SECONDS // _LOOKS)
            await asyncio.sleep(0.3)

    async def _redeemed(self, channel: ChannelId) -> None:
        """Let one ask to close, and ledgers close one by one until it has paid."""
        await self._promise(channel)
        await self._ask_to_close(channel)
        await self._stage.until_told(channel, "attempt_settled")

    async def _press(self) -> None:
        """Let those that read slowly ask to close, while servers lose what they take."""
        for channel in self._pressing:
            await self._ask_to_close(channel)
        for server in self._servers:
            server.swallow_submissions(_MANY)

    async def _promise(self, channel: ChannelId) -> None:
        self._promised[channel] += self._luck.randrange(1, 60) * 137_000
        await self._stage.keep(channel, self._promised[channel])

    async def _ask_to_close(self, channel: ChannelId) -> None:
        claim = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
        await self._stage.hand.submit(claim, self._stage.payer)


async def main(folder: Path) -> None:
    """Play the story, and take the pictures into ``folder``."""
    structlog.configure(processors=[_say_nothing])
    async with AsyncExitStack() as stack:
        shown, servers = await _set_up(stack)
        story = _Story(shown.stage, servers)
        await story.open()
        async with shown.stage.tower(machine=Machine(rhythm=_RHYTHM)) as daemon:
            await shown.until_ready(daemon)
            for number in range(_TURNS):
                await story.turn(number)
            async with shown.looking(screen=_WIDE) as page:
                await _take(page, folder / "dashboard-overview.png", is_whole=True)
            path = f"/dashboard/channels/{story.pressing}"
            async with shown.looking(path, screen=_WIDE, is_dark=True) as page:
                await _take(page, folder / "dashboard-channel.png")


async def _set_up(stack: AsyncExitStack) -> tuple[Shown, Sequence[Sandbox]]:
    store = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "watchtower.db"
    # The ledger's clock is this machine's when the pictures are taken, as it is everywhere.
    start = ripple_time(time.time()) - _TURNS * _SECONDS
    one = await stack.enter_async_context(Sandbox(clock=Clock.FROZEN, start=start))
    two, three = [await stack.enter_async_context(Sandbox(beside=one)) for _ in range(2)]
    hand = await stack.enter_async_context(Hand(one.url, accepts=True))
    payee = Person.named("the publisher of the pictures")
    port = free_port()
    settings = Settings(
        accounts=(payee.address,),
        servers=(one.url, two.url, three.url),
        store=str(store),
        http=HttpSettings(listen=f"127.0.0.1:{port}"),
        policy=PolicySettings(min_settle_delay_seconds=900),
        # The people of the pictures have no other keys than their master keys.
        authority=AuthoritySettings(allow_master_key=True),
    )
    stage = Stage(sandbox=one, hand=hand, settings=settings, payee=payee)
    await hand.fund(stage.payer, payee)
    async with await Store.create(store, PASSPHRASE, cost=CHEAP) as opened:
        await Vault(opened).import_seed(payee.address, payee.seed, algorithm=Algorithm.SECP256K1)
    browser = await stack.enter_async_context(chromium())
    shown = Shown(stage=stage, browser=browser, address=f"http://127.0.0.1:{port}")
    return shown, (one, two, three)


async def _take(page: Page, path: Path, *, is_whole: bool = False) -> None:
    await page.locator("#live[data-state=live]").wait_for()
    await page.locator(".changed").first.wait_for(state="detached")
    await page.screenshot(path=path, full_page=is_whole)


def _say_nothing(*_: object) -> str:
    raise structlog.DropEvent


if __name__ == "__main__":
    into = Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(into))
