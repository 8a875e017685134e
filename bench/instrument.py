"""How we measure: in alternation, in processor time, and with a profile beside.

Two things are compared by doing them in turn, many times, in an order that changes, so that
whatever else the machine does falls on both. Work in a process is measured in the processor time
of that process, which neighbours disturb least; what a person waits for is measured by the clock.
"""

from __future__ import annotations

import cProfile
import gc
import pstats
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

__all__ = ["Work", "alternate", "per_second", "profile", "profiled", "ratios", "timed"]

Work = Callable[[], int]
"""Does something and returns how often it did it."""

_LINES: Final = 6
_PARTS: Final = 4
_ROOT: Final = Path(__file__).parents[1]


def timed(work: Work) -> float:
    """Return how many times a second ``work`` does what it does, in processor time."""
    gc.collect()
    begun = time.process_time()
    done = work()
    return done / (time.process_time() - begun)


def alternate(rounds: int, sides: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure the sides in turn and return what each found; every other round goes backwards."""
    order = list(sides)
    found: dict[str, list[float]] = {name: [] for name in order}
    for number in range(rounds):
        for name in reversed(order) if number % 2 else order:
            found[name].append(sides[name]())
    return found


def per_second(rounds: int, sides: Mapping[str, Work]) -> dict[str, list[float]]:
    """Return the rates of several kinds of work, done in turn."""

    def measure(work: Work) -> Callable[[], float]:
        return lambda: timed(work)

    return alternate(rounds, {name: measure(work) for name, work in sides.items()})


def ratios(over: list[float], under: list[float]) -> list[float]:
    """Return the ratio of each round."""
    return [a / b for a, b in zip(over, under, strict=True)]


def profile(work: Callable[[], object]) -> tuple[list[str], str]:
    """Return where ``work`` spends its time: the costliest functions, and a sentence on the parts.

    A profiler makes calls cost more than they do, so what consists of many small calls looks
    larger than it is.
    """
    profiler = cProfile.Profile()
    profiler.enable()
    work()
    profiler.disable()
    return profiled(profiler)


def profiled(profiler: cProfile.Profile) -> tuple[list[str], str]:
    """Return what a profiler saw, as `profile` does."""
    functions: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for (file, _line, name), row in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        own: float = row[2]
        part = _part(file, name)
        functions[f"{part}: {name}" if part != name else part] += own  # type: ignore[assignment]
        parts[part] += own  # type: ignore[assignment]
    total = sum(parts.values()) or 1
    lines = [f"{own / total:4.0%}  {name}" for name, own in functions.most_common(_LINES)]
    told = [f"{own / total:.0%} in {part}" for part, own in parts.most_common(_PARTS)]
    return lines, f"Of the time, {', '.join(told)}."


def _part(file: str, name: str) -> str:
    """Return whom a function belongs to: a module of ours, somebody's package, or the language."""
    path = Path(file)
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
    if path.is_relative_to(_ROOT):
        return ".".join(path.relative_to(_ROOT).with_suffix("").parts)
    return path.stem if file.endswith(".py") else name
