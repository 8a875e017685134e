"""What came of asking a co-signer for signatures. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.keys.multisign import Cosignature

__all__ = ["Answered", "Away", "Faulty", "Told"]


@dataclass(frozen=True, slots=True)
class Away:
    """It did not answer in time, or not at all; ``why`` is a part of a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """It answered what no co-signer in its right mind does; ``why`` is a part of a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Answered:
    """For each transaction its signature, which was verified, or in words why there is none."""

    each: tuple[Cosignature | str, ...]


Told = Away | Faulty | Answered
