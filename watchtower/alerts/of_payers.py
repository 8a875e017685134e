"""The alarms about a payer's channels: those that ended, and those whose claim key is stolen. Pure.

They are like those of ``catalogue.py``: a name that people filter by, a severity, and a sentence
that says what is the matter and what to do.
"""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import ChannelId, Drops, TxHash, format_drops

__all__ = ["close_asked", "expired_channel_finalised", "foreign_claim_key"]


def foreign_claim_key(channel: ChannelId, *, amount: Drops, signed: Drops, left: Drops) -> Alarm:
    """A claim on a payer's channel is above everything that the payer registered as signed."""
    return Alarm(
        name="foreign_claim_key",
        subject=channel,
        severity=Severity.URGENT,
        sentence=f"A claim of {format_drops(amount)} was made on channel {channel}, and only "
        f"{format_drops(signed)} are registered as signed. If you signed it, register it with "
        f"`watchtower claim add`. If you did not, its claim key is stolen: {format_drops(left)} "
        "are left in the channel, so add no funds, ask to close it now, and stop using the key "
        "for other channels.",
    )


def expired_channel_finalised(channel: ChannelId, *, transaction: TxHash) -> Alarm:
    """A validated ledger shows that a payer's channel that had ended is gone."""
    return Alarm(
        name="expired_channel_finalised",
        subject=transaction,
        severity=Severity.INFO,
        sentence=f"Channel {channel} had ended and was finalised: what was left in it, and its "
        "reserve, are back. Nothing to do.",
    )


def close_asked(channel: ChannelId, *, transaction: TxHash) -> Alarm:
    """A validated ledger shows that a payer's channel ends, because we asked for it."""
    return Alarm(
        name="close_asked",
        subject=transaction,
        severity=Severity.WARNING,
        sentence=f"Channel {channel} was asked to close because of a foreign claim. It ends "
        "after its settle delay, and is finalised then. Find out how the claim key was lost.",
    )
