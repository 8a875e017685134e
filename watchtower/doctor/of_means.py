"""Fee money, reserves and tickets of each account. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from watchtower.doctor.finding import Finding, Level, of_trouble, ok
from watchtower.judgement.estate import Estate
from watchtower.units import Drops, format_drops

__all__ = ["MeansFacts", "of_means"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeansFacts:
    """One account that pays for what is signed, by the newest validated ledger that was told.

    Attributes:
        estate: the account.
        is_delegate: whether it is the tower's own, which pays for others and has no tickets.
        makes_tickets: whether a key is here that could make tickets for it.
        wanted: the drops that it should have above its reserve.
        pool: how many tickets it is to have; ``low_water`` below how many more are made.
        low_water: see there.
        base_fee: the least fee.
        reserve_base: the reserve of an account.
        reserve_increment: that of each object.
    """

    estate: Estate
    is_delegate: bool
    makes_tickets: bool
    wanted: Drops
    pool: int
    low_water: int
    base_fee: Drops
    reserve_base: Drops
    reserve_increment: Drops


def of_means(facts: MeansFacts) -> Iterator[Finding]:
    """Yield whether the account can pay for what it is there for."""
    entry = facts.estate.entry
    if entry is None:
        if facts.is_delegate:
            yield of_trouble(
                "money.fees",
                f"The tower's own account {facts.estate.account} is not in the ledger: pay it "
                f"{format_drops(Drops(facts.reserve_base + facts.wanted))}.",
                facts.estate.account,
            )
        return
    reserve = facts.reserve_base + entry.owner_count * facts.reserve_increment
    spendable = Drops(max(0, entry.balance - reserve))
    yield _fees(facts, entry.balance, spendable)
    if facts.makes_tickets and facts.pool:
        yield _tickets(facts, spendable)


def _fees(facts: MeansFacts, balance: Drops, spendable: Drops) -> Finding:
    account = facts.estate.account
    said = f"{account} has {format_drops(spendable)} above its reserve"
    if balance < facts.base_fee:
        return of_trouble(
            "money.fees",
            f"{account} has {balance} drops, and cannot pay the least fee of {facts.base_fee}: "
            f"pay it {format_drops(facts.wanted)}.",
            account,
        )
    if spendable < facts.wanted:
        missing = format_drops(Drops(facts.wanted - spendable))
        setting = "authority.delegate.least_money_drops" if facts.is_delegate else "fees.cap_drops"
        return Finding(
            check="money.fees",
            level=Level.WARNING,
            subject=account,
            sentence=f"{said}, less than `{setting}`: pay it {missing} more. Until then fees come "
            "out of the reserve.",
        )
    return ok("money.fees", f"{said}.", account)


def _tickets(facts: MeansFacts, spendable: Drops) -> Finding:
    account, held = facts.estate.account, len(facts.estate.tickets)
    if held >= facts.low_water:
        return ok("money.tickets", f"{account} has {held} tickets.", account)
    locked = (facts.pool - held) * facts.reserve_increment
    if spendable < locked + facts.base_fee:
        return Finding(
            check="money.tickets",
            level=Level.WARNING,
            subject=account,
            sentence=f"{account} has {held} tickets of {facts.pool}, and cannot hold the others: "
            f"pay it {format_drops(Drops(locked + facts.base_fee - spendable))} more, or lower "
            "`tickets.pool`.",
        )
    return Finding(
        check="money.tickets",
        level=Level.NOTICE,
        subject=account,
        sentence=f"{account} has {held} tickets of {facts.pool}; the daemon makes the others.",
        mend="watchtower run",
    )
