"""How one server is doing, as a value. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.ledger.release import Release
from watchtower.units import LedgerIndex

__all__ = ["ServerState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """How one server is doing, for ``status`` and whoever measures.

    ``rank`` is 0 for one that did nothing wrong lately; ``why`` is why it is not connected, or
    why it is ranked down. ``release`` is what it runs, None if it did not tell; ``reconnects`` is
    how often it was connected to anew since the start. It ``is_silent`` from when it fell silent
    until it announces a new ledger, however often it was connected to meanwhile.
    """

    server: str
    connected: bool
    validated: LedgerIndex | None
    amendment_blocked: bool
    rank: int
    why: str
    release: Release | None = None
    reconnects: int = 0
    is_silent: bool = False

    @property
    def is_heard(self) -> bool:
        """Whether ledgers come from it, as far as is known."""
        return self.connected and not self.is_silent
