"""A world played: ledger after ledger the script's acts are done, while the tower does its own.

Guarantees that everything ends well for whoever can be helped: when the script is over the world
is healed, and lives on in peace until nothing that presses is left unpaid.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from simulation.books import audit
from simulation.calendar import Calendar
from simulation.company import Company
from simulation.founding import found
from simulation.host import Host
from simulation.land import Land
from simulation.mandate import Mandate
from simulation.operator import settings_of
from simulation.oracle import Ahead, Entry, Ledger, Limits, Reckoning, Signer, reckon
from simulation.publisher import Publisher
from simulation.rotating import Rotating, unfinished
from simulation.script import Script
from simulation.signatures import claims_by_right
from simulation.timeline import Timeline
from simulation.wire import Network
from watchtower.sandbox.misbehaviour import Misbehaviour

__all__ = ["Outcome", "World"]

_PEACE: Final = 25
"""Ledgers that a healed world lives on for at least."""

_MOST_PEACE: Final = 600

_READ_A_LEDGER: Final = 16
"""Channels whose state is surely read anew in a ledger, from one server that is not hurried."""

_PEACE_AFTER_ENDS: Final = 8
_ROOM: Final = 8
"""Transactions of one account that a ledger surely has room for, unless it is a small one."""

_LAST_WORDS: Final = 10
"""Seconds that the last ledger has to get around."""

_READING: Final = 10
"""Seconds that reading the state anew may take."""

_HARMLESS: Final = Misbehaviour()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a world ended: who was paid what, what should not have happened, and what did.

    ``seconds`` are of ledger time, ``claims_by_right`` the tower's claims that a ledger has.
    """

    reckonings: Sequence[Reckoning]
    defects: Sequence[str]
    faults: Mapping[str, int]
    claims_by_right: Mapping[str, int]
    seconds: int
    ledgers: int


@dataclass(slots=True, kw_only=True)
class _Record:
    """What the oracle will want to know."""

    ledgers: list[Ledger] = field(default_factory=list)
    channels: dict[str, list[Entry | None]] = field(default_factory=dict)

    def write(self, ledger: Ledger, entries: Mapping[str, Entry | None]) -> None:
        """Write one more ledger down."""
        self.ledgers.append(ledger)
        for channel, entry in entries.items():
            before = self.channels.setdefault(channel, [None] * (len(self.ledgers) - 1))
            before.append(entry)


class World:
    """One world.

    ``land``, ``network``, ``host`` and ``publisher`` are what is in it, ``mandate`` and ``company``
    who can act for the payee, and who signs with the tower; ``rotating`` are the rotations that
    were begun; ``faults`` counts what was done to it, by kind.
    """

    def __init__(
        self, script: Script, templates: Sequence[Path], folder: Path, timeline: Timeline
    ) -> None:
        """Make it.

        Args:
            script: what is to happen.
            templates: a store to begin with (`host.new_store`), and one for each co-signer.
            folder: for the stores of this world.
            timeline: is told what happens.
        """
        self.script = script
        self.land = Land(script)
        if script.entitled.is_set_up:
            found(self.land, script.entitled, len(script.channels))
        self.mandate = Mandate(self.land, script.entitled)
        self.rotating: list[Rotating] = []
        self.faults: Counter[str] = Counter()
        urls = [f"wss://server{number}.example" for number in range(script.servers)]
        self.network = Network(
            dict(zip(urls, self.land.nodes, strict=True)),
            _luck(script, "network"),
            throttled={urls[number] for number in script.throttled},
        )
        self.host = Host(
            settings=settings_of(script, urls, folder),
            network=self.network,
            luck=_luck(script, "host"),
            tell=timeline.tell,
            changed=self.note,
        )
        self.host.furnish(templates[0])
        self.publisher = Publisher(self.host, self.land, lambda: self.number, timeline.tell)
        self.company = Company(
            self.land,
            self.network,
            _copied(templates[1:], folder),
            self.publisher.promises if script.entitled.told else None,
        )
        self.host.to_cosigners = self.company
        self.mandate.well = self.company.well
        self.calendar = Calendar(self.land.now, resolution=script.resolution, fine=script.fine)
        self.tell = timeline.tell
        self._timeline = timeline
        self._record = _Record()
        self._mending: list[tuple[int, Callable[[], None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._for_ever: set[asyncio.Task[None]] = set()
        self._pauses = _luck(script, "pauses")
        self._good = frozenset(range(script.servers))
        self._able = False
        self._signers: frozenset[Signer] = frozenset()
        self._ahead: Mapping[str, frozenset[Ahead]] = {}
        self._was_misled = False
        self._deceiving_until: dict[int, float] = {}
        timeline.follow(lambda: f"{self.number:4d} {self.land.now:9d}")

    @property
    def number(self) -> int:
        """The number of the ledger that is open, as the script counts them."""
        return len(self._record.ledgers)

    async def play(self, do: Callable[[World, int], Sequence[Callable[[], None]]]) -> Outcome:
        """Play it to its end.

        Args:
            do: given the world and the number of a ledger, returns what is done in it, in order.
        """
        began = self.land.now
        living = asyncio.create_task(self.host.live())
        self.host.on()
        while self.number < self.script.ledgers:
            await self._ledger(do(self, self.number))
        self._heal()
        healed = self.number
        peace = max(_PEACE, len(self.script.channels) // _READ_A_LEDGER)
        while self.number < healed + peace or (
            self._is_pressing() and self.number < healed + _MOST_PEACE
        ):
            await self._ledger(())
        await self._let_end()
        await self._end(living)
        return self._outcome(began, await self._audit())

    def begin(self, task: asyncio.Task[None]) -> None:
        """Look after a task until the world ends."""
        self._tasks.add(task)

    def begin_for_ever(self, task: asyncio.Task[None]) -> None:
        """Look after a task that waits for ledgers, until there are no more."""
        self._for_ever.add(task)

    def later(self, ledgers: int, mend: Callable[[], None]) -> None:
        """Have something mended after so many ledgers."""
        self._mending.append((self.number + ledgers, mend))

    def note(self) -> None:
        """Take note of who cannot be relied on, however short it is."""
        self._good &= self._honest()
        self._able = self._able and self._is_able()
        self._note_rights()
        self._was_misled = self._was_misled or bool(self._deceiving_until and not self._good)

    async def _let_end(self) -> None:
        """Have channels end that were asked to, so that they count; not where one is owed."""
        entries = [entry for entry in self.land.entries().values() if entry is not None]
        asked = [entry.expiration for entry in entries if entry.expiration is not None]
        wait = max(asked, default=0) - self.land.now
        if wait <= 0 or self._owed():
            return
        self.calendar.leap(wait)
        await self._ledger((), over_ends=True)
        for _ in range(_PEACE_AFTER_ENDS):
            await self._ledger(())

    async def _ledger(self, acts: Sequence[Callable[[], None]], *, over_ends: bool = False) -> None:
        """Live through one ledger, in which something may be done."""
        pause = self._pauses.uniform(2.5, 5.5) / (len(acts) + 1)
        for act in acts:
            await asyncio.sleep(pause)
            act()
            self.note()
        await asyncio.sleep(pause)
        due = [mend for at, mend in self._mending if at <= self.number]
        self._mending = [(at, mend) for at, mend in self._mending if at > self.number]
        for mend in due:
            mend()
        price = self.land.network.price().open_ledger_fee
        self.note()
        good, able = self._good, self._able
        self._good, self._able = self._honest(), self._is_able()
        ends = () if over_ends else self.land.ends()
        self.land.close(self.calendar.next_close(self.land.now, ends))
        # Who can act no more once it has closed may have been too late for it, too.
        self._note_rights()
        ledger = Ledger(
            close_time=self.land.now,
            price=price,
            servers=good,
            tower_able=able,
            signers=self._signers,
            ahead=self._ahead,
        )
        self._signers, self._ahead = self.mandate.signers(), self.mandate.ahead()
        self._record.write(ledger, self.land.entries())

    def _note_rights(self) -> None:
        """Take note of who can act for the payee no more, or could not all the time."""
        self._signers &= self.mandate.signers()
        if self._ahead:
            now = self.mandate.ahead()
            self._ahead = {
                channel: ahead & now.get(channel, frozenset())
                for channel, ahead in self._ahead.items()
            }

    def _honest(self) -> frozenset[int]:
        """Return those servers that can be reached and behave, and have not deceived lately.

        Who has left something out, or told something else, may be honest now; what it has hidden
        nobody can know before the state is read anew.
        """
        now = asyncio.get_running_loop().time()
        for number, node in enumerate(self.land.nodes):
            if node.misbehaviour.lies or node.misbehaviour.drop:
                read_anew = self.host.settings.ledger.reconcile_seconds
                self._deceiving_until[number] = now + read_anew + _READING
        if self.network.is_cut or self.network.is_deaf:
            return frozenset()
        return frozenset(
            number
            for number, node in enumerate(self.land.nodes)
            if node.misbehaviour == _HARMLESS and self._deceiving_until.get(number, 0) <= now
        )

    def _is_able(self) -> bool:
        disk = self.host.disk
        return self.host.is_up and disk.ill is None and not disk.locks

    def _heal(self) -> None:
        for _, mend in self._mending:
            mend()
        self._mending.clear()
        self.land.fill(0, 0)
        self.land.strip_signatures(0)
        self.tell("from here on all is well")
        self.note()

    def _is_pressing(self) -> bool:
        """Return whether something could still be paid on a channel that was asked to close."""
        return any(
            entry.expiration is not None and entry.expiration > self.land.now
            for entry in self._owed()
        )

    def _owed(self) -> list[Entry]:
        """Return the channels that end, are there, and have not paid what somebody could redeem."""
        promises = self.publisher.promises
        return [
            entry
            for channel, entry in self.land.entries().items()
            if entry is not None
            and entry.end is not None
            and entry.end > self.land.now
            and entry.balance
            < self.mandate.most(
                channel,
                min(max((p.drops for p in promises.get(channel, ())), default=0), entry.amount),
            )
        ]

    async def _end(self, living: asyncio.Task[None]) -> None:
        for task in self._for_ever:
            task.cancel()
        if self._tasks | self._for_ever:
            await asyncio.wait(self._tasks | self._for_ever)
        await self.publisher.close()
        await asyncio.sleep(_LAST_WORDS)
        self.host.stop(for_good=True)
        await self.host.stopped()
        living.cancel()
        await asyncio.wait({living})
        await self.company.close()
        for task in self._tasks | self._for_ever:
            if not task.cancelled():
                task.result()

    async def _audit(self) -> list[str]:
        return await audit(
            self.host,
            self.land,
            self.publisher.promises,
            sent=self._sent(),
            mandate=self.mandate,
            is_history_whole=not self.faults["history_lost"],
            was_misled=self._was_misled,
        )

    def _sent(self) -> list[str]:
        """Return every blob that has left, once."""
        frames = dict.fromkeys(self.network.sent)
        return list(dict.fromkeys(msgspec.json.decode(frame)["tx_blob"] for frame in frames))

    def _outcome(self, began: int, faults_of_books: Sequence[str]) -> Outcome:
        settings, record = self.host.settings, self._record
        room = self.script.queue.get("minimum_txn_in_ledger", 2 * _ROOM) // 2
        limits = Limits(
            lead=max(settings.policy.cancel_after_lead_seconds, settings.policy.margin_seconds),
            share=settings.fees.budget_share,
            cap=settings.fees.cap_drops,
            room=room,
        )
        return Outcome(
            reckonings=reckon(
                record.ledgers,
                record.channels,
                self.land.finals,
                self.publisher.promises,
                limits,
            ),
            defects=[
                *self.host.defects,
                *self._timeline.errors,
                *faults_of_books,
                *unfinished(self.rotating, self.script.acts),
            ],
            faults=self.faults,
            claims_by_right=claims_by_right(
                self._sent(), self.mandate, self.land.network.chain.history
            ),
            seconds=self.land.now - began,
            ledgers=self.number,
        )


def _luck(script: Script, name: str) -> Random:
    return Random(f"{script.seed} {name}")  # noqa: S311 - luck that can be repeated


def _copied(templates: Sequence[Path], folder: Path) -> list[Path]:
    """Return copies of stores, a file for each co-signer."""
    copies = [folder / f"cosigner {number}.db" for number in range(len(templates))]
    for template, copy in zip(templates, copies, strict=True):
        shutil.copyfile(template, copy)
    return copies
