"""What came in and what it cost over a period, by the journal, a line at a time.

What it guarantees: each line adds to one period, whichever, and to nothing else; so the parts of a
period add up to the whole. What a line adds follows from it and from the lines before it, never
from the period. Memory grows with how many channels there are, not with how long the journal is.

A line that tells of a ledger belongs to the period of that ledger's close time, others (a claim
that was kept) to that of the host's clock when they were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from watchtower.store.journal import Entry
from watchtower.units import ChannelId, LedgerIndex

__all__ = ["COLUMNS", "By", "Edge", "Heading", "Period", "Reckoning", "Whose"]

COLUMNS: Final = ("received", "redeemed", "fees", "lost", "finalised")
"""What is summed up, each in drops."""

_PER_MILLE: Final = 1_000


class By(StrEnum):
    """What a row is about."""

    CHANNEL = "channel"
    PAYER = "payer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Whose a channel is: from whom to whom, and on which side of it we are."""

    payer: str = ""
    payee: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where a period begins or ends: a moment, and the first ledger that closed at it or later.

    Attributes:
        unix: the moment, in Unix seconds.
        ledger: that ledger; None where no server told, and the host's clock decides of all lines.
    """

    unix: int
    ledger: LedgerIndex | None = None

    def is_before(self, entry: Entry) -> bool:
        """Return whether an entry belongs behind this edge, or right at it."""
        if self.ledger is not None and entry.ledger_index is not None:
            return entry.ledger_index >= self.ledger
        return entry.written >= self.unix * _PER_MILLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From one edge up to another, which is not part of it."""

    begin: Edge
    end: Edge

    def has(self, entry: Entry) -> bool:
        """Return whether an entry belongs to it."""
        return self.begin.is_before(entry) and not self.end.is_before(entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a row is about; empty where that is not told apart, or there is no channel."""

    channel: str
    payer: str
    payee: str
    role: str


@dataclass(slots=True)
class _Course:
    """How far a channel has come in the journal."""

    best: int = 0
    lost: int = 0
    returned: int = 0


class Reckoning:
    """Sums up the lines of a journal that belong to ``period``, by channel or by payer.

    ``whose`` says whose a channel is; one that is not there is nobody's.
    """

    def __init__(self, period: Period, by: By, whose: Mapping[ChannelId, Whose]) -> None:
        """Begin with nothing."""
        self._period = period
        self._by = by
        self._whose = whose
        self._courses: dict[ChannelId, _Course] = {}
        self._sums: dict[Heading, dict[str, int]] = {}
        self.pruned = 0
        """Lines that the journal has lost, by what it says itself."""

    def take(self, entry: Entry) -> None:
        """Take the next line."""
        if entry.kind == "journal_pruned":
            self.pruned += int(entry.facts["entries"])
        added = self._added(entry)
        if not any(added.values()) or not self._period.has(entry):
            return
        row = self._sums.setdefault(self._heading(entry.channel), dict.fromkeys(COLUMNS, 0))
        for column, drops in added.items():
            row[column] += drops

    def rows(self) -> list[tuple[Heading, dict[str, int]]]:
        """Return the sums, in the order of what they are about."""
        return sorted(
            self._sums.items(),
            key=lambda row: (row[0].payer, row[0].role, row[0].channel, row[0].payee),
        )

    def _heading(self, channel: ChannelId | None) -> Heading:
        whose = Whose() if channel is None else self._whose.get(channel, Whose())
        is_whole = self._by is By.CHANNEL
        return Heading(
            channel=channel or "" if is_whole else "",
            payer=whose.payer,
            payee=whose.payee if is_whole else "",
            role=whose.role,
        )

    def _added(self, entry: Entry) -> dict[str, int]:
        """Return what a line adds, by the lines before it, and take note of it for those behind."""
        facts = entry.facts
        if entry.kind == "attempt_settled":
            return {"fees": int(facts.get("fee") or 0)}
        if entry.channel is None:
            return {}
        match entry.kind:
            case "claim_kept":
                course = self._courses.setdefault(entry.channel, _Course())
                before, course.best = course.best, max(course.best, int(facts["amount"]))
                return {"received": course.best - before}
            case "paid":
                return {"redeemed": int(facts["drops"])}
            case "channel_closed" | "channel_reappeared":
                return self._closed(entry.channel, facts)
        return {}

    def _closed(self, channel: ChannelId, facts: Mapping[str, Any]) -> dict[str, int]:
        """Return what a channel that closed has lost and sent home, beyond what was told of it.

        It is told twice where its last balance became known later, and taken back where it had
        closed by the word of a server that was wrong.
        """
        course = self._courses.setdefault(channel, _Course())
        role = self._whose.get(channel, Whose()).role
        lost = returned = 0
        if facts.get("paid") is not None:
            paid, back = int(facts["paid"]), int(facts["returned"])
            owed = min(course.best, paid + back)
            lost = max(0, owed - paid) if role in {"payee", "both"} else 0
            returned = back if role in {"payer", "both"} else 0
        added = {"lost": lost - course.lost, "finalised": returned - course.returned}
        course.lost, course.returned = lost, returned
        return added
