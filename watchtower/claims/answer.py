"""The two answers about one claim, as whoever handed it over gets them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from watchtower.claims.decision import (
    Decision,
    DoesNotApply,
    DoNotServe,
    Kept,
    NotKept,
    Pending,
    WhyNotServe,
    as_error,
    describe_why_not_serve,
    name_of_reason,
    name_of_refusal,
)
from watchtower.claims.exposure import Exposed
from watchtower.claims.given import Given
from watchtower.claims.receipt import Held, Receipt
from watchtower.units import Drops, RippleTime, format_time

__all__ = ["Answer"]


class Answer(Struct, frozen=True, kw_only=True, gc=False):
    """The two answers about one claim, given when they are on disk.

    Attributes:
        claim: what was handed over.
        decision: the answers.
        best: what is held for the channel behind it, in drops; 0 where nothing is.
        held: what is on disk for it: the claim itself, or the one that it was not above.
        receipt: proof of that, by the tower's own key, where it has been asked for.
        at_stake: the drops that redeeming ``best`` would pay now; 0 where nobody can tell, and for
            what our own payers have signed.
        sure_until: the last ledger time at which redeeming is sure; None while no end is set.
        notice: the seconds of ledger time for which redeeming stays sure, whatever the payer does
            from now on; None where nobody can tell.
        exposed: what is at stake with it, with its payer and in all; None where nobody limits it.
    """

    claim: Given
    decision: Decision
    best: Drops
    held: Held | None = None
    receipt: Receipt | None = None
    at_stake: Drops = Drops(0)
    sure_until: RippleTime | None = None
    notice: int | None = None
    exposed: Exposed | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the claim is on disk now."""
        return not isinstance(self.decision.kept, NotKept)

    @property
    def is_pending(self) -> bool:
        """Whether the claim waits for its channel."""
        return isinstance(self.decision.kept, Pending)

    def but(self, why: WhyNotServe) -> Answer:
        """Return the same with one more reason not to serve, if the claim was kept at all."""
        serve = self.decision.serve
        if isinstance(serve, DoesNotApply) or not self.is_stored:
            return self
        reasons = serve.reasons if isinstance(serve, DoNotServe) else ()
        no = DoNotServe(reasons=(*reasons, why))
        return replace(self, decision=replace(self.decision, serve=no))

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
            "at_stake": self.at_stake,
            "sure_until": None if self.sure_until is None else format_time(self.sure_until),
            "notice_seconds": self.notice,
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
