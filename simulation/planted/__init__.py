"""Bugs that are put into the tower on purpose, to see that the worlds find them.

Each is one mistake that somebody could make in one place of the house. They are put in while the
context lasts, and nowhere but here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from simulation.planted import believing, judging, remembering, responding, signing

__all__ = ["PLANTED", "planted", "sentence_of"]

_Put = Callable[[], AbstractContextManager[Any]]

_BUGS: Final[tuple[_Put, ...]] = (
    *remembering.BUGS,
    *believing.BUGS,
    *judging.BUGS,
    *responding.BUGS,
    *signing.BUGS,
)

PLANTED: Final[Mapping[str, _Put]] = {bug.__name__: bug for bug in _BUGS}
"""Every bug by its name."""


def planted(name: str) -> AbstractContextManager[Any]:
    """Return a context in which the tower has the bug of that name."""
    return PLANTED[name]()


def sentence_of(name: str) -> str:
    """Return what a bug is, in one sentence."""
    return (PLANTED[name].__doc__ or "").strip()
