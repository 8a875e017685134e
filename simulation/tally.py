"""What many worlds come to. All amounts are drops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simulation.world import Outcome

__all__ = ["Tally", "Verdict", "verdict_on"]

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of one world.

    Attributes:
        seed: which world.
        kind: what sort of world.
        at_stake: what acknowledged claims could have paid on channels that have ended.
        redeemed: what of it was paid.
        unavoidable: what was lost, and could not have been saved.
        avoidable: what was lost, and could have been.
        wrong: what should not have happened, in sentences.
        faults: what was done to it, by kind.
        claims_by_right: the tower's claims that came into a ledger, by the right that signed them.
        seconds: of ledger time.
    """

    seed: int
    kind: str
    at_stake: int
    redeemed: int
    unavoidable: int
    avoidable: int
    wrong: tuple[str, ...]
    faults: Mapping[str, int]
    claims_by_right: Mapping[str, int]
    seconds: int

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost that could have been saved, and the books are right."""
        return not self.avoidable and not self.wrong


def verdict_on(seed: int, kind: str, outcome: Outcome) -> Verdict:
    """Return the verdict on a world's outcome."""
    ended = [reckoning for reckoning in outcome.reckonings if reckoning.has_ended]
    avoidable = sum(reckoning.avoidable for reckoning in ended)
    losses = [
        f"{r.avoidable} drops of channel {r.channel[:6]} could have been saved in {r.why}"
        for r in ended
        if r.avoidable
    ]
    return Verdict(
        seed=seed,
        kind=kind,
        at_stake=sum(reckoning.promised for reckoning in ended),
        redeemed=sum(min(reckoning.paid, reckoning.promised) for reckoning in ended),
        unavoidable=sum(reckoning.lost for reckoning in ended) - avoidable,
        avoidable=avoidable,
        wrong=(*losses, *outcome.defects),
        faults=dict(outcome.faults),
        claims_by_right=dict(outcome.claims_by_right),
        seconds=outcome.seconds,
    )


@dataclass(slots=True)
class Tally:
    """The sum of many verdicts."""

    runs: int = 0
    seconds: int = 0
    at_stake: int = 0
    redeemed: int = 0
    unavoidable: int = 0
    avoidable: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    claims_by_right: Counter[str] = field(default_factory=Counter)
    bad: list[Verdict] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """Add one world."""
        self.runs += 1
        self.seconds += verdict.seconds
        self.at_stake += verdict.at_stake
        self.redeemed += verdict.redeemed
        self.unavoidable += verdict.unavoidable
        self.avoidable += verdict.avoidable
        self.faults.update(verdict.faults)
        self.claims_by_right.update(verdict.claims_by_right)
        self.kinds[verdict.kind] += 1
        if not verdict.is_good:
            self.bad.append(verdict)

    def report(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "runs": self.runs,
            "ledger_days": round(self.seconds / _DAY, 1),
            "kinds": dict(sorted(self.kinds.items())),
            "faults": dict(sorted(self.faults.items())),
            "claims_by_right": dict(sorted(self.claims_by_right.items())),
            "runs_with_wrong_books": sum(1 for v in self.bad if not v.avoidable),
            "at_stake_drops": self.at_stake,
            "redeemed_drops": self.redeemed,
            "lost_unavoidable_drops": self.unavoidable,
            "lost_avoidable_drops": self.avoidable,
        }
