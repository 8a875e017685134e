"""The alarms about what a payee signed ahead of need, where it covers too little. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import Address, Drops, format_drops

__all__ = ["bundle_behind", "bundle_dead"]


def bundle_behind(account: Address, *, channels: int, unprotected: Drops) -> Alarm:
    """More is at stake than was signed ahead, and no key here signs for the rest."""
    return Alarm(
        name="bundle_behind",
        subject=account,
        severity=Severity.WARNING,
        sentence=f"On {channels} channels of {account}, {format_drops(unprotected)} are at stake "
        "beyond what was signed ahead, and no key here could redeem them: the bundle is behind the "
        "best claim. Run `watchtower presign request`, sign, and `watchtower authority import`.",
    )


def bundle_dead(account: Address, *, channels: int, why: str) -> Alarm:
    """What was signed ahead was signed with a key that signs for the account no more."""
    return Alarm(
        name="bundle_dead",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"What {account} signed ahead for {channels} channels is dead ({why}). Sign it "
        "anew with the account's present key, and import it; until then it redeems nothing.",
    )
