"""How long the sandbox takes to start: from exec to the ready line, and within a process.

By the clock, since it is waited for; and in turn with an interpreter that does nothing and with
one that only imports what the sandbox stands on, so that what is ours can be told from what is not.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from bench.instrument import alternate, ratios
from bench.report import Report, reading
from bench.scale import Scale
from watchtower.sandbox.server import Sandbox

__all__ = ["measure"]

_INTERPRETER: Final = ("-c", "print()")
_STANDS_ON: Final = ("-c", "import asyncio, click, msgspec, websockets.asyncio.server; print()")
_IMPORTS: Final = ("-c", "import watchtower.cli.sandbox; print()")
_SANDBOX: Final = ("-m", "watchtower", "sandbox", "--clock", "frozen")
_IMPORT_LINE: Final = re.compile(r"import time: +(\d+) \| +\d+ \| *(\S+)")
_COSTLIEST: Final = 6


def measure(scale: Scale) -> Report:
    """Start the sandbox again and again."""
    rounds = 2 * scale.rounds
    found = alternate(
        rounds,
        {
            "interpreter": _until_first_line(_INTERPRETER),
            "stands on": _until_first_line(_STANDS_ON),
            "imports": _until_first_line(_IMPORTS),
            "sandbox": _until_first_line(_SANDBOX),
            "in process": _in_process,
        },
    )
    start, bare = found["sandbox"], found["interpreter"]
    imports, floor = found["imports"], found["stands on"]
    lines, where = _imports()
    return Report(
        readings=(
            reading("sandbox.start_ms", "ms", start),
            reading("sandbox.start_interpreter_ms", "ms", bare),
            reading("sandbox.start_libraries_ms", "ms", _less(floor, bare)),
            reading("sandbox.start_our_imports_ms", "ms", _less(imports, floor)),
            reading("sandbox.start_rest_ms", "ms", _less(start, imports)),
            reading("sandbox.start_over_libraries", "ratio", ratios(start, floor)),
            reading("sandbox.start_in_process_ms", "ms", found["in process"]),
        ),
        profile=lines,
        where=where,
    )


def _less(more: Sequence[float], less: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(more, less, strict=True)]


def _until_first_line(arguments: Sequence[str]) -> Callable[[], float]:
    """Return what starts an interpreter, and tells the milliseconds until it has said something."""

    def start() -> float:
        begun = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, *arguments], stdout=subprocess.PIPE
        ) as process:
            if process.stdout is None or not process.stdout.readline():
                raise AssertionError(arguments)
            passed = time.perf_counter() - begun
            process.terminate()
        return 1000 * passed

    return start


def _in_process() -> float:
    """Return the milliseconds that ``async with Sandbox()`` takes where all is imported."""

    async def start() -> float:
        begun = time.perf_counter()
        async with Sandbox():
            return 1000 * (time.perf_counter() - begun)

    return asyncio.run(start())


def _imports() -> tuple[list[str], str]:
    """Return which packages' own code costs the start most (``-X importtime``)."""
    command = [sys.executable, "-X", "importtime", *_IMPORTS]
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    packages: Counter[str] = Counter()
    for found in _IMPORT_LINE.finditer(told.stderr):
        packages[found[2].partition(".")[0]] += int(found[1])
    total = sum(packages.values())
    costliest = packages.most_common(_COSTLIEST)
    lines = [f"{own / total:4.0%}  {name}" for name, own in costliest]
    ours = packages["watchtower"] / total
    return lines, f"Of the time of imports, {ours:.0%} is the watchtower's own modules."
