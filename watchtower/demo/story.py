"""The story: what the cast does, in order, while the real daemon guards the publisher.

Five readers stream micropayments. The publisher falls asleep. Then, against a tower that is killed
with SIGKILL in the middle of its work:

- Ada pays out a stale claim and asks to close, in one transaction;
- Ben starts the close through Fund, where a tower that watches for ``tfClose`` sees nothing;
- Cleo's settle delay wraps: the channel closes in the ledger in which it is asked to;
- Dora does nothing: her CancelAfter passes by itself;
- Emil promised more than his channel holds, and closes while the tower is dead.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from watchtower.demo.cast import PUBLISHER, Reader, readers
from watchtower.demo.process import TowerProcess
from watchtower.demo.reckoning import Reckoning, balance_of, paid_on, reckon
from watchtower.demo.timeline import Timeline, Voice
from watchtower.judgement.policy import Policy
from watchtower.sandbox.people import Hand
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.units import (
    ChannelId,
    Drops,
    LedgerIndex,
    RippleTime,
    format_drops,
    format_time,
)

__all__ = ["play"]

_TF_CLOSE: Final = 0x00020000
_LOOK_EVERY: Final = 0.1
_PATIENCE: Final = 60.0
"""Seconds after which an act that does not come to its end is given up."""


async def play(console: Console) -> Reckoning:
    """Play the whole story on ``console``; return what the ledger says at the end."""
    timeline = Timeline(console)
    async with Sandbox(clock=Clock.FAST, port=0) as sandbox, Hand(sandbox.url) as hand:
        with tempfile.TemporaryDirectory(prefix="watchtower-demo-") as folder:
            story = _Story(timeline, hand, Path(folder), sandbox.url)
            following = asyncio.create_task(story.follow())
            try:
                return await story.play()
            finally:
                following.cancel()
                await story.tower.stop()


class _Story:
    def __init__(self, timeline: Timeline, hand: Hand, folder: Path, url: str) -> None:
        self._line = timeline
        self._hand = hand
        self._url = url
        self._cast = readers(Policy().cancel_after_lead)
        self._names: dict[ChannelId, str] = {}
        self._sent = asyncio.Event()
        self.tower = TowerProcess(folder, self._hear)

    async def follow(self) -> None:
        """Keep the timeline where the ledger is, for what the daemon says by itself."""
        while True:
            await self._look()
            await asyncio.sleep(_LOOK_EVERY)

    async def play(self) -> Reckoning:
        """Play every act."""
        before = await self._set_the_stage()
        await self._stream_micropayments()
        await self._let_the_thieves_in()
        await self._kill_and_start_again()
        await self._wait_for_the_end()
        return await self._reckon(before)

    async def _set_the_stage(self) -> Drops:
        self._line.title("A ledger in a box, a publisher, five readers")
        people = [PUBLISHER, *(reader.person for reader in self._cast)]
        await self._hand.fund(*people)
        await self._look()
        for reader in self._cast:
            await self._open_channel(reader)
        url = self._url.replace("127.0.0.1", "localhost")
        await self.tower.set_up(PUBLISHER.address, PUBLISHER.seed, [self._url, url])
        await self.tower.start()
        self._tell(Voice.STAGE, "stage", "The real daemon runs, in a process of its own.")
        return await balance_of(self._hand, PUBLISHER.address)

    async def _open_channel(self, reader: Reader) -> None:
        more: dict[str, Any] = {}
        if reader.cancel_after_in is not None:
            more["CancelAfter"] = await self._look() + reader.cancel_after_in
        reader.channel = await self._hand.create_channel(
            reader.person, PUBLISHER, reader.funds, reader.settle_delay, **more
        )
        self._names[reader.channel] = reader.name
        text = (
            f"opens a channel of {format_drops(reader.funds)}, settle delay {reader.settle_delay} s"
        )
        if more:
            text += f", CancelAfter {format_time(more['CancelAfter'])}"
        self._tell(Voice.READER, reader.name, text)

    async def _stream_micropayments(self) -> None:
        self._line.title("Micropayments, then sleep")
        claims = _in_turns([reader.claims() for reader in self._cast])
        lines = b"".join(msgspec.json.encode(claim) + b"\n" for claim in claims)
        answers = await self.tower.command("claim", "add", "-", lines=lines)
        await self._look()
        for reader in self._cast:
            mine = [answer for answer in answers if answer["channel"] == reader.channel]
            promised = format_drops(reader.promised)
            text = f"signed {len(mine)} claims, up to {promised}; every one is on disk"
            self._tell(Voice.READER, reader.name, text)
            refusal = mine[-1]["why_not_serve"]
            if refusal:
                self._tell(
                    Voice.TOWER, "tower", f"advises not to serve {reader.name}: {refusal[0]}"
                )
        self._tell(Voice.PUBLISHER, "publisher", "falls asleep, with everything unredeemed")

    async def _let_the_thieves_in(self) -> None:
        self._line.title("The thieves come")
        ada, _, cleo, _, _ = self._cast
        for _ in range(2):
            await self._submit(cleo, Flags=_TF_CLOSE)
        text = "asks to close, twice: her settle delay wraps, there is no dispute window at all"
        self._tell(Voice.THIEF, "Cleo", text)
        await self._submit(ada, Balance="5000000", Flags=_TF_CLOSE)
        text = "pays out a stale claim of 5 XRP herself and asks to close, in one transaction"
        self._tell(Voice.THIEF, "Ada", text)
        async with asyncio.timeout(_PATIENCE):
            await self._sent.wait()

    async def _kill_and_start_again(self) -> None:
        self._line.title("SIGKILL, in the middle of it")
        await self.tower.kill()
        await self._look()
        self._tell(Voice.STAGE, "stage", "kill -9: the tower is dead, its answer on the way")
        _, ben, _, _, emil = self._cast
        expiration = await self._look() + ben.settle_delay + 60
        await self._hand.submit(
            {
                "TransactionType": "PaymentChannelFund",
                "Channel": ben.channel,
                "Amount": "1",
                "Expiration": expiration,
            },
            ben.person,
        )
        self._tell(Voice.THIEF, "Ben", "starts the close through Fund: no tfClose anywhere")
        await self._submit(emil, Flags=_TF_CLOSE)
        self._tell(Voice.THIEF, "Emil", "asks to close, having promised more than there is")
        await self.tower.start()
        self._tell(Voice.STAGE, "stage", "The tower is started again.")

    async def _wait_for_the_end(self) -> None:
        async def redeemed() -> bool:
            await self._look()
            safe = [reader for reader in self._cast if reader.protectable]
            paid = [await paid_on(self._hand, r.channel, PUBLISHER.address) for r in safe]
            return all(p >= min(r.promised, r.funds) for p, r in zip(paid, safe, strict=True))

        await _until(redeemed)
        await self.tower.stop()

    async def _reckon(self, before: Drops) -> Reckoning:
        self._line.title("The reckoning, read back from the ledger")
        for reader in self._cast:
            paid = await paid_on(self._hand, reader.channel, PUBLISHER.address)
            worth = min(reader.promised, reader.funds)
            lost = "" if paid >= worth else f", {format_drops(Drops(worth - paid))} lost"
            told = "" if reader.protectable else " (the tower had said: not protectable)"
            text = f"paid {format_drops(paid)} of {format_drops(Drops(worth))}{lost}{told}"
            voice = Voice.READER if paid >= worth else Voice.THIEF
            self._tell(voice, reader.name, text)
        text = "wakes up. At stake was each best claim, up to the funds, whoever paid it out."
        self._tell(Voice.PUBLISHER, "publisher", text)
        return await reckon(self._hand, self._cast, PUBLISHER.address, before)

    async def _submit(self, reader: Reader, **fields: object) -> None:
        claim = {"TransactionType": "PaymentChannelClaim", "Channel": reader.channel, **fields}
        await self._hand.submit(claim, reader.person)

    async def _look(self) -> RippleTime:
        """See where the ledger is; return its close time."""
        result = await self._hand.request("ledger", ledger_index="validated")
        ledger = result["ledger"]
        close_time = RippleTime(int(ledger["close_time"]))
        self._line.ledger(LedgerIndex(int(ledger["ledger_index"])), close_time)
        return close_time

    def _hear(self, event: Mapping[str, Any]) -> None:
        """Tell what the daemon logs, where it belongs to the story."""
        name = self._names.get(event.get("channel", ChannelId("")), "")
        match event.get("event"):
            case "attempt_sent":
                target = format_drops(Drops(event["target"]))
                self._tell(Voice.TOWER, "tower", f"redeems {name} up to {target}: journalled, sent")
                self._sent.set()
            case "verdict" if event["verdict"] in {"Threatened", "Expired", "Closed"}:
                self._tell(Voice.TOWER, "tower", f"{name}: {event['sentence']}")
            case "attempt_settled":
                # What is on no channel are tickets, made ahead of need: they pay nobody.
                about = f"{name}: " if name else "makes tickets ahead of need: "
                paid = f", {format_drops(Drops(event['paid']))}" if name else ""
                text = f"{about}{event['outcome'].replace('_', ' ')}{paid}, {event['why']}"
                self._tell(Voice.TOWER, "tower", text)
            case "said":
                self._tell(Voice.STAGE, "daemon", str(event["text"]))
            case _:
                pass

    def _tell(self, voice: Voice, who: str, text: str) -> None:
        self._line.tell(voice, who, text)


def _in_turns(streams: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the claims as they come in: one of each reader in turn."""
    longest = max(len(stream) for stream in streams)
    return [stream[i] for i in range(longest) for stream in streams if i < len(stream)]


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for ``condition``; give up, without a word, after a while: the reckoning will tell."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while not await condition():  # noqa: ASYNC110 - the ledger is asked, it does not call
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        return
