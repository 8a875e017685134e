"""What one drill has shown: how far the tower came, and after how long. Pure.

The clock runs from the moment at which the request to close is sent, as its payer would send it,
so that the ledger which the request itself waits for is counted as well.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from watchtower.units import ChannelId, Drops, LedgerIndex

__all__ = ["Drill", "why_late"]

_STEPS: Final = (
    ("requested", "the request to close did not come into a validated ledger"),
    ("seen", "the daemon did not notice the request to close"),
    ("submitted", "the daemon noticed the request to close, and has sent nothing"),
    ("paid", "the daemon sent its claim, and no validated ledger's balance says that it was paid"),
)


class Drill(Struct, kw_only=True):
    """A drill on its way; times are seconds since the request to close was sent, None before.

    ``requested_in`` and ``paid_in`` are the validated ledgers in which it was first seen.
    """

    channel: ChannelId
    amount: Drops
    window: int
    requested: float | None = None
    seen: float | None = None
    submitted: float | None = None
    paid: float | None = None
    requested_in: LedgerIndex | None = None
    paid_in: LedgerIndex | None = None
    elapsed: float = 0.0
    why: str | None = None

    def report(self, *, at: int, place: str, network_id: int | None) -> dict[str, Any]:
        """Return what is kept of it, in JSON values; ``at`` is Unix seconds."""
        first, last = self.requested_in, self.paid_in
        return {
            "at": at,
            "place": place,
            "network_id": network_id,
            "seconds": round(self.elapsed if self.paid is None else self.paid, 3),
            "ledgers": 0 if first is None or last is None else max(0, last - first),
            "paid": self.paid is not None,
            "why": self.why,
            "channel": self.channel,
            "amount_drops": str(self.amount),
            "window_seconds": self.window,
            "requested_seconds": _rounded(self.requested),
            "seen_seconds": _rounded(self.seen),
            "submitted_seconds": _rounded(self.submitted),
        }


def why_late(drill: Drill, patience: float) -> str:
    """Return the first step that did not come within ``patience`` seconds, in words."""
    for name, what in _STEPS:
        if getattr(drill, name) is None:
            return f"{what} within {patience:g} s"
    return "every step came in time"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
