"""The timeline: one line for each thing that happens, with the ledger and its time beside it."""

from __future__ import annotations

from enum import StrEnum

from rich.console import Console
from rich.text import Text

from watchtower.units import LedgerIndex, RippleTime, format_time

__all__ = ["Timeline", "Voice"]


class Voice(StrEnum):
    """Who a line is about; the value is how it is coloured."""

    STAGE = "dim"
    READER = "yellow"
    PUBLISHER = "cyan"
    TOWER = "bold green"
    THIEF = "bold red"


class Timeline:
    """Tells on ``console``; the ledger's place is kept up by whoever hears of ledgers."""

    def __init__(self, console: Console) -> None:
        """Begin before the first ledger."""
        self._console = console
        self._place = ""

    def ledger(self, index: LedgerIndex, close_time: RippleTime) -> None:
        """Take note of where the ledger is now."""
        self._place = f"ledger {index:>4}  {format_time(close_time)[11:19]}"

    def title(self, text: str) -> None:
        """Tell where a new part of the story begins."""
        self._console.print()
        self._console.print(Text(text, style="bold underline"))

    def tell(self, voice: Voice, who: str, text: str) -> None:
        """Tell one thing."""
        line = Text()
        line.append(f"{self._place:<24}", style="dim")
        line.append(f"{who:<10} ", style=voice.value)
        line.append(text)
        self._console.print(line, soft_wrap=True)
