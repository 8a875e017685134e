"""The alarms about heads, which tell whether the store is the newest there is. Pure.

They are like those of ``catalogue.py``: a name that people filter by, a severity, and a sentence
that says what is the matter and what to do.
"""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = [
    "head_ahead_of_clock",
    "head_gone",
    "head_not_comparable",
    "head_of_another_store",
    "head_tampered",
    "head_unreachable",
    "store_forked",
    "store_older_than_head",
]

_ACCEPT = (
    "What is known is redeemed. Find out why; `watchtower head accept` takes the store as it is, "
    "and this stands until then."
)


def store_older_than_head(place: str, *, entries: int, changes: int) -> Alarm:
    """The head has seen more than the store has: an older copy of it was put back."""
    return Alarm(
        name="store_older_than_head",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"The store is older than its head at {place}: {entries} lines of the journal and "
        f"{changes} changes are missing. An older copy was put back. Claims that were kept since "
        f"are lost to it, and no ledger has them: have payees hand them over again. {_ACCEPT}",
    )


def store_forked(place: str) -> Alarm:
    """The head is of another copy of this store, which went its own way."""
    return Alarm(
        name="store_forked",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"The head at {place} is of a copy of this store that went its own way. If you "
        "have restored this store from a backup, that is why, and no harm: have payees hand over "
        "what was kept since. Else two towers act on copies, or an older copy was put back: stop "
        f"the other one, and have payees hand over what it has kept. {_ACCEPT}",
    )


def head_gone(place: str) -> Alarm:
    """The head that was published at a place is not there any more."""
    return Alarm(
        name="head_gone",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"The head at {place} is gone, and with it whether this store is the newest there "
        f"was. Mount what is not mounted, and it is compared again. {_ACCEPT}",
    )


def head_of_another_store(place: str) -> Alarm:
    """What stands at a place is the head of another store."""
    return Alarm(
        name="head_of_another_store",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"The head at {place} is of another store, or of another network. Give each store "
        f"a place of its own, or the right store to the tower. {_ACCEPT}",
    )


def head_tampered(place: str) -> Alarm:
    """What stands at a place was not signed by the tower."""
    return Alarm(
        name="head_tampered",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"What stands at {place} is no head that this tower has signed: it was damaged or "
        f"tampered with, so that nobody can tell whether this store is the newest. {_ACCEPT}",
    )


def head_not_comparable(place: str) -> Alarm:
    """The store is broken where it would be compared with the head."""
    return Alarm(
        name="head_not_comparable",
        subject=place,
        severity=Severity.URGENT,
        sentence=f"The store cannot be compared with its head at {place}: its own journal was "
        "damaged or tampered with, so that nobody can tell whether it is the newest. `watchtower "
        f"store verify` says what is broken, and a backup brings it back. {_ACCEPT}",
    )


def head_unreachable(place: str, *, why: str) -> Alarm:
    """A place gives or takes no head now."""
    return Alarm(
        name="head_unreachable",
        subject=place,
        severity=Severity.WARNING,
        sentence=f"The head at {place} cannot be reached: {why}. It is tried again by itself; "
        "until then nobody would notice if an older store were put back.",
    )


def head_ahead_of_clock(place: str, *, at: str) -> Alarm:
    """The head was written at a time that is yet to come, by this machine's clock."""
    return Alarm(
        name="head_ahead_of_clock",
        subject=place,
        severity=Severity.WARNING,
        sentence=f"The head at {place} was written at {at}, which by this machine's clock is yet "
        "to come. Set the clock right; nothing is decided by it.",
    )
