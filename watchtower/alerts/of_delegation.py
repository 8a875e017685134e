"""The alarms about what the tower sends in the name of other accounts, one function each. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import Address, Drops, format_drops

__all__ = ["delegate_money_low", "delegation_missing"]


def delegation_missing(account: Address, *, delegate: Address, why: str) -> Alarm:
    """The tower was to send claims in an account's name, and may not (any more)."""
    return Alarm(
        name="delegation_missing",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"{delegate} cannot send claims in the name of {account}: {why}. The next right "
        "that is configured for it is used; without one nothing is redeemed for it. If nobody "
        "meant that, find out who changed it, and make it anew with `watchtower authority "
        f"delegate --account {account}`.",
    )


def delegate_money_low(account: Address, *, balance: Drops, wanted: Drops) -> Alarm:
    """The tower's own account, which pays the fees of what it sends for others, runs dry."""
    return Alarm(
        name="delegate_money_low",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"The tower's own account {account} has {format_drops(balance)} above its "
        f"reserve, and should have {format_drops(wanted)} for the fees of claims that it sends "
        "for others: those are never queued, and pay what a full ledger asks. Send XRP to it.",
    )
