"""A receipt, or a proof, proves nothing."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["ProofVoidError", "ReceiptError", "ReceiptFormatError", "ReceiptVoidError"]


class ReceiptError(WatchtowerError):
    """A receipt, or a proof, proves nothing."""


class ReceiptFormatError(ReceiptError):
    """Not a receipt: a field is missing, unknown or of the wrong form."""

    exit_code = 55
    template = "This is not a receipt: {why}."


class ReceiptVoidError(ReceiptError):
    """The tower whose key was given did not sign it as it stands."""

    exit_code = 56
    template = (
        "The receipt for {amount} drops of channel {channel} proves nothing: {why}. Check the "
        "tower's key, and that the receipt is as it was given."
    )


class ProofVoidError(ReceiptError):
    """No line of the tower's journal is proven."""

    exit_code = 79
    template = "No line of the journal is proven: {why}. Check the tower's key, and the number."
