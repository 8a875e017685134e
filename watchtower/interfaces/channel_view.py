"""What is told of a channel: as the ledger has it, and what is thought of it on our side.

A channel to one of our payees is judged as the daemon judges it for the payee, one from one of our
payers as for the payer, and one between two of ours both ways.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from watchtower.interfaces.amounts import amounts_as_text
from watchtower.judgement.channel import Channel, phase
from watchtower.judgement.claim import Claim
from watchtower.judgement.deadline import notice_of
from watchtower.judgement.explain import describe, describe_unprotectable, explain
from watchtower.judgement.explain_outgoing import describe_outgoing
from watchtower.judgement.judge import Judgement, judge
from watchtower.judgement.outgoing import OutgoingJudgement, Tally, judge_outgoing
from watchtower.judgement.rules import ChannelRules
from watchtower.judgement.verdict import Settled, Threatened, Watching
from watchtower.settings import Settings
from watchtower.units import Address, Drops, LedgerIndex, RippleTime, format_drops, format_time
from watchtower.wiring import payer_policy_of, policy_of

__all__ = ["Standing", "View", "view_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest ledger time that the daemon has seen, and the rules that it has read.

    Where it never ran these are the beginning, and the strictest reading of each rule. A daemon
    that runs also knows by which time channels are over, and which payees cannot be paid.
    """

    ledger_time: RippleTime
    rules: ChannelRules
    over_by: RippleTime | None = None
    missing_payees: AbstractSet[Address] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether there was a ledger at all."""
        return self.ledger_time > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A channel and its best claim, judged for each of our sides; None for a side not ours.

    ``notice`` is for how many seconds redeeming stays sure, whatever the payer does from now on;
    ``covered`` the channel balance to which it can be redeemed where nothing can sign now: what was
    signed ahead.
    """

    channel: Channel
    best: Claim | None
    now: Standing
    judgement: Judgement | None
    outgoing: OutgoingJudgement | None
    notice: int | None = None
    covered: Drops | None = None

    @property
    def role(self) -> str:
        """On which side we are; payee where the channel is none of the configured accounts'."""
        if self.outgoing is None:
            return "payee"
        return "payer" if self.judgement is None else "both"

    def report(self) -> dict[str, Any]:
        """Return all of it ready for JSON, amounts as text."""
        ours = _payee_report(self, self.judgement) if self.judgement else {}
        as_payer = _payer_report(self.outgoing) if self.outgoing else {}
        return amounts_as_text({**_entry_report(self), **ours, **as_payer})

    def line(self) -> str:
        """Return what a list tells of it, in one line."""
        parts: list[str] = [self.channel.entry.channel]
        if (judgement := self.judgement) is not None:
            promise = "protectable" if judgement.protectable else "NOT PROTECTABLE"
            verdict = type(judgement.verdict).__name__
            parts.append(f"{verdict:<10} {format_drops(judgement.at_stake)} at stake  {promise}")
        if (outgoing := self.outgoing) is not None:
            foreign = "  FOREIGN CLAIM" if outgoing.foreign else ""
            standing = f"outgoing, {outgoing.standing.value}"
            parts.append(f"{standing}  {format_drops(outgoing.returns)} left{foreign}")
        return "  ".join(parts)

    def explanation(self) -> str:
        """Return what is thought of it, in a few sentences."""
        ours = [] if self.judgement is None else [explain(self.judgement)]
        if self.judgement is not None and self.covered is not None and self.judgement.at_stake:
            ours.append(_describe_covered(self.covered, self.channel, self.judgement))
        if self.outgoing is not None:
            ours.append(f"As its payer: {describe_outgoing(self.outgoing)}")
        return "\n".join(ours)


def view_of(
    loaded: Settings,
    channel: Channel,
    best: Claim | None,
    tally: Tally,
    *,
    now: Standing,
    accounted: LedgerIndex | None,
    covered: Drops | None = None,
) -> View:
    """Judge a channel for our side of it, as things stand; see `View` for ``covered``."""
    entry = channel.entry
    outgoing = None
    if entry.source in loaded.payers:
        outgoing = judge_outgoing(
            channel,
            best,
            tally,
            ledger_time=now.ledger_time,
            accounted=accounted,
            policy=payer_policy_of(loaded),
            rules=now.rules,
        )
    judgement = notice = None
    if outgoing is None or entry.destination in loaded.payees:
        policy = policy_of(loaded)
        judgement = judge(
            channel,
            best,
            ledger_time=now.ledger_time,
            policy=policy,
            payee_exists=entry.destination not in now.missing_payees,
            rules=now.rules,
            over_by=now.over_by,
        )
        notice = 0
        if isinstance(judgement.verdict, Settled | Watching | Threatened):
            notice = notice_of(entry, now.ledger_time, policy, now.rules)
    return View(
        channel=channel,
        best=best,
        now=now,
        judgement=judgement,
        outgoing=outgoing,
        notice=notice,
        covered=covered,
    )


def _entry_report(view: View) -> dict[str, Any]:
    entry = view.channel.entry
    return {
        "channel": entry.channel,
        "role": view.role,
        "source": entry.source,
        "destination": entry.destination,
        "amount": entry.amount,
        "balance": entry.balance,
        "settle_delay": entry.settle_delay,
        "public_key": entry.public_key,
        "expiration": None if entry.expiration is None else format_time(entry.expiration),
        "cancel_after": None if entry.cancel_after is None else format_time(entry.cancel_after),
        "phase": phase(view.channel, view.now.ledger_time, view.now.rules).value,
        "as_of_ledger": view.channel.as_of.ledger_index,
        "best_claim": None if view.best is None else view.best.amount,
        "ledger_time": format_time(view.now.ledger_time),
    }


def _describe_covered(covered: Drops, channel: Channel, judgement: Judgement) -> str:
    """Return in words what a claim is worth for which only a bundle can be submitted."""
    if covered <= channel.entry.balance:
        return (
            "Nothing can sign for it now, and nothing was signed ahead that would pay. Serve "
            "nothing against it (`watchtower authority show`)."
        )
    beyond = channel.entry.balance + judgement.at_stake - covered
    only = "Nothing can sign for it now but what was signed ahead"
    if beyond <= 0:
        return f"{only}, and that covers the best claim."
    return (
        f"{only}, which brings it to {format_drops(covered)}: {format_drops(Drops(beyond))} are "
        "not covered. Serve nothing against them, and have the payee sign ahead for them "
        "(`watchtower presign request`)."
    )


def _payee_report(view: View, judgement: Judgement) -> dict[str, Any]:
    deadline = judgement.deadline
    return {
        "at_stake": judgement.at_stake,
        "verdict": type(judgement.verdict).__name__,
        "why": describe(judgement.verdict),
        "redeem": judgement.redeem,
        "deadline": None if deadline is None else format_time(deadline.sure_until),
        "slack": judgement.slack,
        "notice_seconds": view.notice,
        "covered": view.covered,
        "protectable": judgement.protectable,
        "unprotectable": [describe_unprotectable(reason) for reason in judgement.unprotectable],
    }


def _payer_report(outgoing: OutgoingJudgement) -> dict[str, Any]:
    foreign = outgoing.foreign
    return {
        "standing": outgoing.standing.value,
        "why_standing": describe_outgoing(outgoing),
        "returns": outgoing.returns,
        "signed": outgoing.signed,
        "foreign_claim": None if foreign is None else foreign.amount,
        "foreign_transaction": None if foreign is None else foreign.transaction,
        "act": None if outgoing.act is None else outgoing.act.value,
    }
