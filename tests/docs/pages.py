"""A page's console blocks, typed into one shell in their order, as its reader would.

A page is followed as it stands. Lines that begin with ``$ `` or ``# `` are typed; what stands below
them is what the reader is told to see, compared with what the shell said. In it ``…`` stands for
anything in a line, and a line of it alone for any number of lines. A command below which nothing
stands has to say nothing. A block of Python whose fence names a file is saved under that name.

Only questions are asked again until the answer is the one on the page: a tower needs a moment.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

__all__ = ["File", "Shell", "Typed", "follow", "shell", "steps"]

_BLOCK: Final = re.compile(
    r"^```(?:console|python (?P<name>[\w.]+))\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_COMMAND: Final = re.compile(r"^[$#] (.+)\n((?:(?![$#] ).*\n)*)", re.MULTILINE)
_QUESTIONS: Final = re.compile(
    r"(watchtower|tower) (status|explain|doctor|channel|authority show|store verify)\b"
)
_PATIENCE_SECONDS: Final = 300.0
_BETWEEN_QUESTIONS_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Typed:
    """A command, and what the page shows below it."""

    command: str
    shown: str

    def is_answered_by(self, said: str) -> bool:
        """Whether a reader would say that it is as on the page."""
        parts = [
            r"(?:[^\n]*\n)*?"
            if line == "…"
            else r"[^\n]*".join(re.escape(part) for part in line.split("…")) + "\n"
            for line in self.shown.strip().splitlines()
        ]
        said = said.strip()
        return re.fullmatch("".join(parts), f"{said}\n" if said else "") is not None

    @property
    def is_a_question(self) -> bool:
        """Whether it changes nothing: it may be asked again, and end with what it has found."""
        return _QUESTIONS.match(self.command) is not None


@dataclass(frozen=True)
class File:
    """A file that the page has its reader save."""

    name: str
    text: str


def steps(text: str) -> Iterator[Typed | File]:
    """Yield what a page, or a section of one, has its reader do."""
    for block in _BLOCK.finditer(text):
        if block["name"]:
            yield File(block["name"], block["body"])
            continue
        for command, shown in _COMMAND.findall(block["body"]):
            yield Typed(command, shown)


@dataclass
class Shell:
    """One shell, and all that it and what it started have said since the last command."""

    process: Process
    said: str = ""
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Iterator[int] = field(default_factory=count)

    async def listen(self) -> None:
        """Note what is said, until there is nobody left to say anything."""
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(65536):
            self.said += chunk.decode(errors="replace")
            self._more.set()

    async def run(self, command: str) -> int:
        """Type a command, and return its exit code; what it says is in ``said``."""
        assert self.process.stdin is not None
        mark = f"-- {os.urandom(8).hex()} {next(self._numbers)} "
        self.said = ""
        # Nothing that is typed reads what is typed next.
        line = f"eval {shlex.quote(command)} </dev/null; printf '\\n%s%d\\n' '{mark}' $?\n"
        self.process.stdin.write(line.encode())
        await self.process.stdin.drain()
        ended = re.compile(rf"\n{re.escape(mark)}(\d+)\n")
        found: re.Match[str] | None = None
        while found is None:
            await self._hear()
            found = ended.search(self.said)
        self.said = self.said[: found.start()] + self.said[found.end() :]
        return int(found[1])

    async def follow(self, step: Typed) -> None:
        """Do what the page says, and see what it shows."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                code = await self.run(step.command)
                while not step.is_answered_by(self.said):
                    if step.is_a_question:
                        await asyncio.sleep(_BETWEEN_QUESTIONS_SECONDS)
                        code = await self.run(step.command)
                    elif step.command.endswith("&"):
                        await self._hear()
                    else:
                        break
        except TimeoutError:
            code = -1
        assert step.is_answered_by(self.said), (
            f"{step.command}\n--- the page shows\n{step.shown}\n--- it said ({code})\n{self.said}"
        )
        assert code == 0 or step.is_a_question, (step.command, code, self.said)

    async def _hear(self) -> None:
        await self._more.wait()
        self._more.clear()


@asynccontextmanager
async def shell(home: Path, environment: Mapping[str, str]) -> AsyncIterator[Shell]:
    """Give a shell that knows nothing but ``environment``, in ``home``.

    Whatever it started ends with it.
    """
    process = await asyncio.create_subprocess_exec(
        *("bash", "--noprofile", "--norc"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=home,
        env={"HOME": str(home), "LANG": "C.UTF-8", **environment},
        start_new_session=True,
    )
    made = Shell(process)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await listening


async def follow(text: str, within: Shell) -> None:
    """Do everything that a page, or a section of one, says, in its order."""
    for step in steps(text):
        if isinstance(step, Typed):
            await within.follow(step)
        else:
            await within.run("pwd")
            (Path(within.said.strip()) / step.name).write_text(step.text, encoding="utf-8")
