"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Scale"]

_THOUSAND: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large and how often.

    Attributes:
        channels: of the large world.
        rounds: of each comparison.
        leaving: channels that close at once.
        missed: transactions that are read from history.
        reactions: close requests that come one at a time.
        watched: channels that a store brings back at a start.
        lines: of the journal that is pruned.
    """

    channels: int = 100_000
    rounds: int = 9
    leaving: int = 10_000
    missed: int = 50_000
    reactions: int = 300
    watched: int = 1_000_000
    lines: int = 1_000_000

    @property
    def name(self) -> str:
        """The number of channels as it stands in names: ``100k``."""
        thousands, rest = divmod(self.channels, _THOUSAND)
        return str(self.channels) if rest else f"{thousands}k"

    @property
    def at_once(self) -> int:
        """How many ledgers or transactions are done before the other world has its turn."""
        return min(_THOUSAND, self.channels)
