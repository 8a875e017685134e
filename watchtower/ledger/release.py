"""Which release of the ledger's software a server runs, and which one this version knows. Pure.

What it guarantees: only a version in the form that rippled itself keeps is read, and only its
numbers go on from here, so that no server puts words of its own into an alarm; and what most
servers run is never more than what most of them told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from typing_extensions import override

__all__ = ["WRITTEN_WITH", "Release", "common_release", "release_of", "release_told"]

_FORM: Final = re.compile(
    r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})"
    r"(-(?:b|rc)\d{1,3})?(?:\+[0-9A-Za-z.-]{1,100})?",
    re.ASCII,
)
"""A semantic version (rippled src/libxrpl/protocol/BuildInfo.cpp, versionString): ``3.4.1``, a beta
``3.4.0-b2``, a candidate ``3.4.0-rc1``, each with what it was built from behind a ``+``."""


class Release(NamedTuple):
    """A release; they compare in the order in which they came. ``is_final`` is 0 before it."""

    major: int
    minor: int
    patch: int
    is_final: int = 1

    @override
    def __str__(self) -> str:
        """Return it as the servers write it, a beta as what it leads to."""
        return f"{self.major}.{self.minor}.{self.patch}"


WRITTEN_WITH: Final = Release(3, 4, 1)
"""The newest release of which this version knows every amendment
(``judgement/known_amendments.py``). It was tried against 3.1.1, and what channels live by was read
in the source up to 3.3.0-b0, and in what was published of those behind it."""


def release_of(told: object) -> Release | None:
    """Return the release that a server tells of itself; None if it is of no form that is known."""
    match = _FORM.fullmatch(told) if isinstance(told, str) else None
    if match is None:
        return None
    major, minor, patch, before = match.groups()
    return Release(int(major), int(minor), int(patch), int(before is None))


def release_told(info: Mapping[str, Any]) -> Release | None:
    """Return what a server's ``info`` says of it; a Clio tells of whom it has its ledgers from."""
    return release_of(info.get("build_version", info.get("rippled_version")))


def common_release(told: Iterable[Release | None]) -> Release | None:
    """Return the newest release that most servers have, or a newer one; None if few tell of any.

    Args:
        told: one for each server that is configured, None for who tells nothing that can be read.
    """
    by_age = sorted(told, key=lambda one: one or Release(0, 0, 0, 0), reverse=True)
    return by_age[len(by_age) // 2] if by_age else None
