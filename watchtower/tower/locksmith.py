"""The locksmith: whether the signer apart answers, and which keys it has, told to people.

It decides nothing. What is to be signed is asked of the signer whether or not it answered here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from watchtower.alerts import of_signers
from watchtower.alerts.desk import Desk
from watchtower.errors import SignerUnreachableError
from watchtower.units import Address

__all__ = ["Locksmith"]


class Line(Protocol):
    """The line to who holds the keys."""

    @property
    def path(self) -> Path:
        """Where that is."""
        ...

    async def keys(self) -> Mapping[Address, str]:
        """Return the public keys that it holds, by account, or raise SignerUnreachableError."""
        ...


class Locksmith:
    """Looks after one signer."""

    def __init__(
        self,
        line: Line,
        holders: Sequence[Callable[[Mapping[Address, Collection[str]]], None]],
        desk: Desk,
    ) -> None:
        """Ask over ``line``, and tell ``holders`` which keys there are whenever that is new."""
        self._line = line
        self._holders = tuple(holders)
        self._desk = desk
        self._held: Mapping[Address, str] | None = None

    async def look(self) -> None:
        """Ask for the keys; who does not answer is an alarm until it does."""
        place = str(self._line.path)
        try:
            held = await self._line.keys()
        except SignerUnreachableError as trouble:
            why = str(trouble.facts["why"])
            self._desk.stand(of_signers.signer_unreachable(place, why=why))
            return
        self._desk.end("signer_unreachable", place)
        if held != self._held:
            for hold in self._holders:
                hold({account: (key,) for account, key in held.items()})
            self._held = held
