"""The real command line, which kills itself with SIGKILL at one step of its work.

`run` is ``watchtower run``, or any other command, with a death in it. A step is

- ``before:N``: its N-th durable write is about to be committed, and is not;
- ``after:N``: its N-th durable write is on disk, and nothing else has happened since;
- ``before:KIND:N`` and ``after:KIND:N``: the same, of the writes that hold a journal entry of that
  kind; ``after:attempt_made:N`` is on disk, and no byte of it has left. Beside the journal's kinds
  stand ``status`` and ``stopped``, for the notes that say how things stand;
- ``sent:N``: its N-th frame with a submission has left, and no answer was read;
- ``read:N`` and ``taken:N``: its settings were read again for the N-th time, and nobody follows
  them yet; or everybody does, and nobody was told;
- ``never``: it lives.

``stop/`` before a step asks the process to stop there (SIGTERM) and does not kill it, and
``stop/stop/`` asks again at the next step that it comes to.

The product knows nothing of this: commits, entries, notes and frames are wrapped from outside.
Every write is told on standard error as the daemon's own lines are, so that whoever looks on knows
what a step was about.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any, Final, Self

import msgspec
from typing_extensions import override

from watchtower.cli import main
from watchtower.ledger.websocket import _WebSocket
from watchtower.reloading import Reload, Reloading, Spelled
from watchtower.settings import Settings
from watchtower.store.journal import Journal, Line
from watchtower.store.notes import Notes
from watchtower.store.transaction import Transaction
from watchtower.tower.tending import STATUS_NOTE

__all__ = ["NEVER", "WRITTEN", "Moment", "Step", "run"]

_ASKED: Final = "stop/"
WRITTEN: Final = "durable_write"
"""The line that tells of a write: its number, and the kinds of what is in it."""


class Moment(StrEnum):
    """Where in a step the process dies."""

    BEFORE = "before"
    AFTER = "after"
    SENT = "sent"
    READ = "read"
    TAKEN = "taken"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a daemon's life; ``number`` counts from 1, among those of ``kind`` if given.

    ``asked`` is how often the process is asked to stop (SIGTERM), once at this step and then at
    each that it comes to on its way out; 0 kills it.
    """

    moment: Moment
    number: int = 0
    kind: str = ""
    asked: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes."""
        step = text.replace(_ASKED, "")
        moment, *kind, number = step.split(":") if ":" in step else (step, "0")
        return cls(Moment(moment), int(number), "".join(kind), text.count(_ASKED))

    @override
    def __str__(self) -> str:
        step = ":".join(str(part) for part in (self.moment, self.kind, self.number) if part)
        return _ASKED * self.asked + step


NEVER: Final = Step(Moment.NEVER)


@dataclass
class _Reaper:
    """Counts the steps of this process, and ends it at one of them."""

    end: Step
    kinds: list[str] = field(default_factory=list)
    passed: Counter[tuple[Moment, str]] = field(default_factory=Counter)
    _left: int = 0

    def pass_by(self, moment: Moment) -> None:
        for kind in {"", *self.kinds}:
            self.passed[moment, kind] += 1
        passed = self.passed[moment, self.end.kind]
        if self._left:
            self._left -= 1
            os.kill(os.getpid(), signal.SIGTERM)
        here = Step(moment, passed, self.end.kind, self.end.asked)
        if self.end.kind in {"", *self.kinds} and self.end == here:
            self._left = max(0, self.end.asked - 1)
            os.kill(os.getpid(), signal.SIGTERM if self.end.asked else signal.SIGKILL)

    def tell(self) -> None:
        line = {"event": WRITTEN, "kinds": self.kinds}
        os.write(sys.stderr.fileno(), msgspec.json.encode(line) + b"\n")


def _watch_the_store(reaper: _Reaper) -> None:
    """Have ``reaper`` see every entry, status and commit."""
    append_all, put_all, commit = Journal.append_all, Notes.put_all, Transaction.commit

    async def appending(journal: Journal, lines: Iterable[Line]) -> int:
        lines = list(lines)
        reaper.kinds += [kind for kind, *_ in lines]
        return await append_all(journal, lines)

    async def noting(notes: Notes, named: Mapping[str, Any]) -> None:
        if STATUS_NOTE in named:
            reaper.kinds.append("stopped" if "stopped" in named[STATUS_NOTE] else "status")
        await put_all(notes, named)

    async def committing(transaction: Transaction) -> None:
        reaper.pass_by(Moment.BEFORE)
        await commit(transaction)
        reaper.tell()
        reaper.pass_by(Moment.AFTER)
        reaper.kinds.clear()

    Journal.append_all = appending  # type: ignore[method-assign,assignment]  # from outside
    Notes.put_all = noting  # type: ignore[method-assign,assignment]  # from outside
    Transaction.commit = committing  # type: ignore[method-assign,assignment]  # from outside


def _watch_the_wire(reaper: _Reaper) -> None:
    """Have ``reaper`` see every submission."""
    send = _WebSocket.send

    async def sending(socket: _WebSocket, frame: str) -> None:
        await send(socket, frame)
        if msgspec.json.decode(frame)["command"] == "submit":
            reaper.pass_by(Moment.SENT)

    _WebSocket.send = sending  # type: ignore[method-assign,assignment]  # from outside


def _watch_the_settings(reaper: _Reaper) -> None:
    """Have ``reaper`` see every reload; the file is read on another thread."""
    spell, take_up = Reloading.spelled, Reloading.take_up

    def spelling(reloading: Reloading, new: Settings) -> Spelled:
        found = spell(reloading, new)
        reaper.pass_by(Moment.READ)
        return found

    def taking(reloading: Reloading, spelled: Spelled) -> Reload:
        changes = take_up(reloading, spelled)
        reaper.pass_by(Moment.TAKEN)
        return changes

    Reloading.spelled = spelling  # type: ignore[method-assign,assignment]  # from outside
    Reloading.take_up = taking  # type: ignore[method-assign,assignment]  # from outside


def run(
    step: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: Sequence[Connection],
) -> None:
    """Run ``watchtower ARGUMENTS`` in this process, on these standard streams, until ``step``."""
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = os.fdopen(0, encoding="utf-8")
    os.environ.clear()
    os.environ.update(environment)
    reaper = _Reaper(Step.parse(step))
    _watch_the_store(reaper)
    _watch_the_wire(reaper)
    _watch_the_settings(reaper)
    main(arguments)
