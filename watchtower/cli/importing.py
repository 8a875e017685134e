"""Claims by the line, from a file or as they come: each is answered, none fills the memory.

What it guarantees: the exit code is that of the first line that was refused, whatever came behind
it. Lines that came together are kept with one fsync, and are answered in their order.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, cast

import click
import msgspec

from watchtower.claims.answer import Answer
from watchtower.claims.decision import (
    ChannelUnknown,
    DoesNotApply,
    KeyUnknown,
    NotKept,
    Pending,
    PendingFull,
    Standing,
)
from watchtower.claims.formats.registry import FORMATS, HEADED, Read
from watchtower.claims.given import Given
from watchtower.cli.desk import Desk, open_desk
from watchtower.cli.lines import Group, Mark, Splitter, pass_over
from watchtower.cli.output import tell
from watchtower.cli.progress import Bar, bar
from watchtower.cli.resuming import Place
from watchtower.cli.tally import Tally
from watchtower.errors import ClaimFormatError, InputError, ResumeError
from watchtower.interfaces.amounts import amounts_as_text
from watchtower.settings import Settings
from watchtower.units import format_drops

__all__ = ["Order", "import_claims", "report_of", "sentences"]

_PIECE: Final = 65_536
"""Bytes that are read at once, as a pipe holds them."""

_LONG: Final = 2 * _PIECE
"""Bytes of a file from which its import is worth a bar."""

_STDIN: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be imported.

    Attributes:
        source: a file, or ``-`` for standard input.
        form: in which form its claims are.
        is_resumed: whether to go on where an earlier import came to.
        as_json: whether to answer in JSON.
    """

    source: str
    form: str
    is_resumed: bool
    as_json: bool

    @property
    def path(self) -> Path | None:
        """The file; None if the lines come by standard input."""
        return None if self.source == _STDIN else Path(self.source)


async def import_claims(loaded: Settings, order: Order) -> int:
    """Answer every line, and return the exit code of the first that was refused.

    Raises:
        InputError: the source cannot be read, or is not as it was.
    """
    async with open_desk(loaded) as desk:
        one = _Import(desk, order)
        try:
            await one.run()
        except asyncio.CancelledError:
            one.tell_interrupted()
            raise
    return one.exit_code


class _Import:
    """One import on its way."""

    def __init__(self, desk: Desk, order: Order) -> None:
        self.exit_code = 0
        self._desk = desk
        self._order = order
        self._tally = Tally()
        path = order.path
        self._place = None if path is None else Place(desk.store, path, order.form)
        self._splitter = Splitter()
        self._read: Read | None = FORMATS.get(order.form)
        self._reached: Mark | None = None
        """How far it may be said to have come; not past a claim that is to come again."""
        self._is_to_come_again = False
        self._has_unknown = False

    async def run(self) -> None:
        """Read all of it."""
        path = self._order.path
        try:
            with await asyncio.to_thread(_open, self._order.source) as file:
                await self._go_on(file)
                size = 0 if path is None else path.stat().st_size
                is_wanted = size > _LONG and not self._order.as_json
                with bar(size, is_wanted=is_wanted) as shown:
                    async for group in self._groups(file):
                        await self._take(group, shown)
        except OSError as problem:
            why = f"{self._order.source} cannot be read ({problem.strerror})"
            raise ClaimFormatError(why=why) from None
        if not self._order.as_json and (
            self._tally.lines > 1 or self._is_to_come_again or self._has_unknown
        ):
            self._summarise()

    def tell_interrupted(self) -> None:
        """Say where it goes on."""
        if self._reached is not None:
            line = f"Interrupted behind line {self._reached.lines:,}; --resume goes on there."
            click.echo(line, err=True)

    async def _go_on(self, file: BufferedReader) -> None:
        """Pass over what has been imported already, if that is wished."""
        if not self._order.is_resumed or self._place is None:
            return
        mark = await self._place.find()
        if mark is None:
            return
        heading = await asyncio.to_thread(pass_over, file, mark, self._splitter)
        if heading is None:
            raise ResumeError(path=self._order.source, line=mark.lines)
        if self._read is None:
            self._read = HEADED[self._order.form](heading)
        self._reached = mark
        if not self._order.as_json:
            click.echo(f"Going on behind line {mark.lines:,}.", err=True)

    async def _groups(self, file: BufferedReader) -> AsyncIterator[Group]:
        """Yield lines as they come, those together that did, without holding up the links."""
        while piece := await asyncio.to_thread(file.read1, _PIECE):
            for group in self._splitter.feed(piece):
                yield group
        if (last := self._splitter.finish()) is not None:
            yield last

    async def _take(self, group: Group, shown: Bar) -> None:
        """Keep the claims in a group, answer its lines, and write down how far it has come."""
        lines = self._without_heading(group)
        read = [self._read_line(line) for line in lines]
        claims = [one for one in read if isinstance(one, Given)]
        answers = iter(await self._desk.take_all(claims) if claims else ())
        first = group.first + len(group.lines) - len(lines)
        for number, one in enumerate(read, first):
            if isinstance(one, InputError):
                self._answer(number, _wrong(one), str(one), None)
            elif one is not None:
                answer = next(answers)
                self._answer(number, report_of(answer), sentences(answer), answer)
        shown.show(group.end.offset, self._tally)
        await self._mark(group.end)

    async def _mark(self, end: Mark) -> None:
        if self._is_to_come_again or self._place is None:
            return
        is_short = self._reached is None and end.offset <= _PIECE
        if not is_short and end != self._reached:
            await self._place.keep(end)
            self._reached = end

    def _without_heading(self, group: Group) -> Sequence[bytes]:
        if self._read is not None:
            return group.lines
        heading, *rows = group.lines
        self._read = HEADED[self._order.form](heading)
        return rows

    def _read_line(self, line: bytes) -> Given | InputError | None:
        read = cast("Callable[[bytes], Given]", self._read)
        try:
            return read(line) if line.strip() else None
        except InputError as wrong:
            return wrong

    def _answer(
        self, number: int, report: Mapping[str, Any], text: str, answer: Answer | None
    ) -> None:
        self._tally.add(answer)
        tell({"line": number, **report}, f"line {number}: {text}", as_json=self._order.as_json)
        self.exit_code = self.exit_code or int(report.get("exit_code", 0))
        kept = None if answer is None else answer.decision.kept
        if isinstance(kept, NotKept):
            self._is_to_come_again |= isinstance(kept.why, KeyUnknown | PendingFull)
            self._has_unknown |= isinstance(kept.why, ChannelUnknown)

    def _summarise(self) -> None:
        click.echo(self._tally.sentence(), err=True)
        if self._is_to_come_again:
            why = "Of some channels no server told; their claims were not kept: import them again"
            click.echo(f"{why}{' with --resume' if self._reached else ''}.", err=True)
        if self._has_unknown:
            # These are gone behind: closed long ago, most of them, and no reason to read on anew.
            why = "Some channels are in no validated ledger: if one was just made, the servers may"
            click.echo(f"{why} be behind; import its claims again, without --resume.", err=True)


def _open(source: str) -> BufferedReader:
    if source == _STDIN:
        return cast("BufferedReader", sys.stdin.buffer)
    return Path(source).open("rb")


def _wrong(wrong: InputError) -> dict[str, Any]:
    return {
        "kept": False,
        "pending": False,
        "serve": False,
        "reasons": [Standing.NOT_KEPT.value],
        "why_not_kept": "malformed",
        "error": type(wrong).__name__,
        "sentence": str(wrong),
        "exit_code": wrong.exit_code,
    }


def report_of(answer: Answer) -> dict[str, Any]:
    """Return the two answers about a claim ready for JSON, with the tower's signature."""
    receipt = answer.receipt
    if receipt is None:
        return amounts_as_text(answer.report())
    receipted = {"receipt": msgspec.to_builtins(receipt.message())}
    return amounts_as_text(answer.report()) | receipted


def sentences(answer: Answer) -> str:
    """Return the two answers about a claim for people."""
    kept, report = answer.decision.kept, answer.report()
    if isinstance(kept, NotKept):
        return f"not kept: {report['sentence']}"
    amount = format_drops(kept.claim.amount)
    if isinstance(kept, Pending):
        first = f"kept as pending: {amount}, to be judged when a server tells of the channel"
    else:
        first = f"kept: {amount} is now the best claim"
        if kept.rescued:
            first += " (its signature was put into the form that the ledger takes)"
    if isinstance(answer.decision.serve, DoesNotApply):
        return f"{first}\nregistered as signed by the payer; there is nothing to serve"
    serve = "yes" if report["serve"] else "no. " + " ".join(report["why_not_serve"])
    return f"{first}\nserve: {serve}"
