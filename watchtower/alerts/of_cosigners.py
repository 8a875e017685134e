"""The alarms about those who sign with us, where an account has a signer list. Pure.

They are like those of ``catalogue.py``: a name that people filter by, a severity, and a sentence
that says what is the matter and what to do.
"""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = [
    "cosigner_away",
    "cosigner_faulty",
    "cosigner_refused",
    "cosigner_unfit",
    "person_needed",
    "quorum_missing",
]


def cosigner_away(account: Address, *, why: str) -> Alarm:
    """A co-signer does not answer; the others are asked."""
    return Alarm(
        name="cosigner_away",
        subject=account,
        severity=Severity.WARNING,
        sentence=f"The co-signer {account} does not answer ({why}). The others are asked without "
        "it as long as they are enough; if this stays, look after it before another one fails.",
    )


def cosigner_faulty(account: Address, *, why: str) -> Alarm:
    """A co-signer answers what no co-signer in its right mind does."""
    return Alarm(
        name="cosigner_faulty",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"The co-signer {account} is broken or was stolen: {why}. What it says counts "
        "for nothing. Find out what happened there, and take its key off the signer list if it "
        "was stolen.",
    )


def cosigner_refused(channel: ChannelId, *, account: Address, why: str) -> Alarm:
    """A co-signer judged a claim for itself, and does not sign."""
    return Alarm(
        name="cosigner_refused",
        subject=channel,
        severity=Severity.WARNING,
        sentence=f"The co-signer {account} does not sign for channel {channel}: {why}. Compare "
        "what the two towers know of it with `watchtower channel show` on both.",
    )


def cosigner_unfit(account: Address, *, why: str) -> Alarm:
    """The ledger does not take what some of an account's signers sign together."""
    return Alarm(
        name="cosigner_unfit",
        subject=account,
        severity=Severity.WARNING,
        sentence=f"The ledger does not take the signatures of some signers of {account} ({why}). "
        "Others are tried without them as long as they are enough. Correct the signer list, the "
        "signer's account, or its `public_key` under `[[authority.cosigners]]`; then all of them "
        "are tried anew.",
    )


def quorum_missing(account: Address, *, why: str) -> Alarm:
    """Something is owed, and too few of the account's signers sign."""
    return Alarm(
        name="quorum_missing",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"Too few of the signers of {account} sign ({why}), so nothing is redeemed for "
        "it with them. It is tried again in every ledger; see to it that they can be reached.",
    )


def person_needed(channel: ChannelId, *, last_ledger: LedgerIndex) -> Alarm:
    """The co-signers that are there are too few, and a person's signature would be enough."""
    return Alarm(
        name="person_needed",
        subject=channel,
        severity=Severity.URGENT,
        sentence=f"To redeem channel {channel} a person's signature is needed before ledger "
        f"{last_ledger}. Send what `watchtower cosign requests --json` prints to one who signs "
        "it with `watchtower cosign sign`, and take the answer in with `watchtower cosign answer`.",
    )
