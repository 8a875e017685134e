"""The alarms about who signs, where the keys are elsewhere, one function each. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import Address, Drops

__all__ = ["signer_cap_below", "signer_capped", "signer_unreachable"]


def signer_capped(account: Address, *, place: str, why: str) -> Alarm:
    """The signer apart signs nothing more at an account's cost, by a cap of its own."""
    return Alarm(
        name="signer_capped",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"The signer at {place} signs no more for {account} now: {why}. Another right "
        "signs where there is one, and the rest stays owed. Look at `watchtower signer journal` "
        "for what used it up; to go on, raise that setting in the signer's own configuration and "
        "start it again. A cap of the day begins anew at midnight UTC.",
    )


def signer_cap_below(place: str, *, theirs: Drops, ours: Drops) -> Alarm:
    """The signer apart signs less at once than this daemon may spend."""
    return Alarm(
        name="signer_cap_below",
        subject=place,
        severity=Severity.WARNING,
        sentence=f"The signer at {place} signs nothing that costs more than {theirs} drops "
        f"(`signer.fee_cap_drops`), and `fees.cap_drops` here is {ours}: no more than the lower "
        "of the two is bid for a place in a ledger. Set both alike.",
    )


def signer_unreachable(place: str, *, why: str) -> Alarm:
    """The signer apart does not answer: nothing can be redeemed until it does."""
    return Alarm(
        name="signer_unreachable",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"The signer at {place} cannot be used ({why}), so nothing can be signed. It is "
        "tried again by itself, and nothing is given up; start it (`systemctl start "
        "watchtower-signer`), or look at its log.",
    )
