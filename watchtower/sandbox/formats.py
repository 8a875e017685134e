"""Which fields a transaction must and may have. Pure.

(rippled include/xrpl/protocol/detail/transactions.macro, src/libxrpl/protocol/TxFormats.cpp.) What
breaks its format is no transaction, and never reaches the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["format_fault"]

_EVERY: Final = ("TransactionType", "Account", "Sequence", "Fee", "SigningPubKey")
_ANY: Final = frozenset(
    {
        "AccountTxnID",
        "Delegate",
        "Flags",
        "LastLedgerSequence",
        "Memos",
        "NetworkID",
        "OperationLimit",
        "PreviousTxnID",
        "Signers",
        "SourceTag",
        "TicketSequence",
        "TxnSignature",
    }
)

_FORMATS: Final[dict[str, tuple[tuple[str, ...], frozenset[str]]]] = {
    "AccountSet": (
        (),
        frozenset(
            {
                "ClearFlag",
                "Domain",
                "EmailHash",
                "MessageKey",
                "NFTokenMinter",
                "SetFlag",
                "TickSize",
                "TransferRate",
                "WalletLocator",
                "WalletSize",
            }
        ),
    ),
    "DelegateSet": (("Authorize", "Permissions"), frozenset()),
    "DepositPreauth": (
        (),
        frozenset({"Authorize", "AuthorizeCredentials", "Unauthorize", "UnauthorizeCredentials"}),
    ),
    "Payment": (
        ("Destination", "Amount"),
        frozenset(
            {
                "CredentialIDs",
                "DeliverMin",
                "DestinationTag",
                "DomainID",
                "InvoiceID",
                "Paths",
                "SendMax",
            }
        ),
    ),
    "PaymentChannelClaim": (
        ("Channel",),
        frozenset({"Amount", "Balance", "CredentialIDs", "PublicKey", "Signature"}),
    ),
    "PaymentChannelCreate": (
        ("Destination", "Amount", "SettleDelay", "PublicKey"),
        frozenset({"CancelAfter", "DestinationTag"}),
    ),
    "PaymentChannelFund": (("Channel", "Amount"), frozenset({"Expiration"})),
    "SetRegularKey": ((), frozenset({"RegularKey"})),
    "SignerListSet": (("SignerQuorum",), frozenset({"SignerEntries"})),
    "TicketCreate": (("TicketCount",), frozenset()),
}


def format_fault(fields: Mapping[str, object]) -> str | None:
    """Return what is wrong with a transaction's set of fields, in the server's words."""
    required, optional = _FORMATS.get(str(fields.get("TransactionType")), ((), None))
    missing = next((name for name in (*_EVERY, *required) if name not in fields), None)
    if missing is not None:
        return f"Field '{missing}' is required but missing."
    if optional is None:
        return None  # a type without rules here: refused by name, later
    allowed = _ANY | optional | set(_EVERY) | set(required)
    extra = next((name for name in fields if name not in allowed), None)
    return None if extra is None else f"Field '{extra}' found in disallowed location."
