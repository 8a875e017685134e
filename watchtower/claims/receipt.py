"""The two answers about one claim, as whoever handed it over gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from watchtower.claims.decision import (
    Decision,
    DoesNotApply,
    DoNotServe,
    Kept,
    NotKept,
    Pending,
    as_error,
    describe_why_not_serve,
    name_of_reason,
    name_of_refusal,
)
from watchtower.claims.given import Given
from watchtower.claims.signed import Held, SignedReceipt
from watchtower.units import Drops

__all__ = ["Receipt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The two answers about one claim, given when they are on disk.

    ``best`` is what is held for the channel behind it, in drops; 0 where nothing is. ``held`` is
    what is on disk for it: the claim itself, or the one that it was not above. ``signed`` is proof
    of that, by the tower's own key, where it has been asked for.
    """

    claim: Given
    decision: Decision
    best: Drops
    held: Held | None = None
    signed: SignedReceipt | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the claim is on disk now."""
        return not isinstance(self.decision.kept, NotKept)

    @property
    def is_pending(self) -> bool:
        """Whether the claim waits for its channel."""
        return isinstance(self.decision.kept, Pending)

    def report(self) -> dict[str, Any]:
        """Return the two answers ready for JSON."""
        kept, serve = self.decision.kept, self.decision.serve
        reasons = serve.reasons if isinstance(serve, DoNotServe) else ()
        role = self.decision.role
        report: dict[str, Any] = {
            "channel": self.claim.channel,
            "role": None if role is None else role.value,
            "amount": self.claim.amount,
            "kept": isinstance(kept, Kept),
            "pending": isinstance(kept, Pending),
            "serve": None if isinstance(serve, DoesNotApply) else not reasons,
            "reasons": [name_of_reason(reason) for reason in reasons],
            "why_not_serve": [describe_why_not_serve(reason) for reason in reasons],
            "best": self.best,
        }
        if isinstance(kept, NotKept):
            error = as_error(kept.why)
            report |= {
                "why_not_kept": name_of_refusal(kept.why),
                "error": type(error).__name__,
                "sentence": str(error),
                "exit_code": error.exit_code,
            }
        elif kept.rescued:
            report["rescued"] = True
        return report
