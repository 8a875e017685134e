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
from watchtower.units import Address, Drops

__all__ = ["Locksmith", "SignerCare"]


class SignerCare:
    """Keeps the alarm about a signer's caps at one desk."""

    def __init__(self, place: Path, desk: Desk) -> None:
        """Tell of the signer at ``place``, and nothing yet."""
        self._place = place
        self._desk = desk
        self._capped: set[Address] = set()

    def capped(self, account: Address, why: str) -> None:
        """Tell that it signs nothing more at an account's cost now."""
        self._capped.add(account)
        self._desk.stand(of_signers.signer_capped(account, place=str(self._place), why=why))

    def signed(self, account: Address) -> None:
        """Let that end: it signed."""
        if account in self._capped:
            self._capped.discard(account)
            self._desk.end("signer_capped", account)


class Line(Protocol):
    """The line to who holds the keys."""

    @property
    def path(self) -> Path:
        """Where that is."""
        ...

    @property
    def fee_cap(self) -> Drops | None:
        """The most that it signs at once, as it told with its keys."""
        ...

    async def keys(self) -> Mapping[Address, tuple[str, ...]]:
        """Return the public keys that it holds, by account, or raise SignerUnreachableError."""
        ...


class Locksmith:
    """Looks after one signer."""

    def __init__(
        self,
        line: Line,
        holders: Sequence[Callable[[Mapping[Address, Collection[str]]], None]],
        desk: Desk,
        *,
        fee_cap: Drops,
    ) -> None:
        """Ask over ``line``, and tell ``holders`` which keys there are whenever that is new.

        ``fee_cap`` is what one transaction may cost by our own settings.
        """
        self._fee_cap = fee_cap
        self._line = line
        self._holders = tuple(holders)
        self._desk = desk
        self._held: Mapping[Address, tuple[str, ...]] | None = None

    def hold_to(self, fee_cap: Drops) -> None:
        """Compare the signer's cap with another one of ours."""
        self._fee_cap = fee_cap

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
        cap = self._line.fee_cap
        if cap is not None and cap < self._fee_cap:
            alarm = of_signers.signer_cap_below(place, theirs=cap, ours=self._fee_cap)
            self._desk.stand(alarm)
        else:
            self._desk.end("signer_cap_below", place)
        if held != self._held:
            for hold in self._holders:
                hold(held)
            self._held = held
