"""A claim was not kept: it leaves everything as it was."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = [
    "ClaimDestinationError",
    "ClaimError",
    "ClaimKeyError",
    "ClaimNotAboveError",
    "ClaimPendingFullError",
    "ClaimSignatureError",
    "ClaimUnknownChannelError",
    "DoorClosedError",
]


class ClaimError(WatchtowerError):
    """A claim was not kept. Everything stored is as it was."""


class ClaimSignatureError(ClaimError):
    """The signature is not one that the ledger would take for this channel and amount."""

    exit_code = 40
    template = (
        "The signature of this claim is wrong: {why}. The ledger would refuse it. Ask the payer "
        "for a claim signed with the channel's key."
    )


class ClaimUnknownChannelError(ClaimError):
    """The ledger has no such channel."""

    exit_code = 41
    template = (
        "The ledger has no channel {channel}. Check the id; a channel that was just created "
        "must be validated first."
    )


class ClaimDestinationError(ClaimError):
    """The channel pays an account that this watchtower does not guard."""

    exit_code = 42
    template = (
        "Channel {channel} pays {destination}, which this watchtower does not guard. Add the "
        "account to the configuration, or give the claim to its own watchtower."
    )


class ClaimNotAboveError(ClaimError):
    """The claim is not above the best one that is kept."""

    exit_code = 43
    template = (
        "The claim for {amount} drops is not above the best one kept for channel {channel}, "
        "{best} drops. Nothing to do."
    )


class ClaimKeyError(ClaimError):
    """The public key that came with the claim is not the channel's."""

    exit_code = 44
    template = (
        "The key {given} is not the key of channel {channel} on the ledger ({key}). Ask the "
        "payer for a claim signed with the channel's key."
    )


class DoorClosedError(ClaimError):
    """The tower is stopping and takes no claims any more."""

    exit_code = 45
    template = "The watchtower is stopping and acknowledged nothing. Hand the claim over later."


class ClaimPendingFullError(ClaimError):
    """Nobody can tell of the channel now, and as many claims wait for theirs as there is room."""

    exit_code = 47
    template = (
        "No server tells of channel {channel} now, and there is no room for one more claim that "
        "waits: nothing was kept. Hand it over again in a few seconds; what the ledger shows of "
        "channels that pay us is known by then."
    )
