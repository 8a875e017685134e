"""A transaction as it came over the wire: its fields, its bytes, its hash, its seat.

Parsed once, at the edge. Its signature is checked when it is submitted (`signature_fault`) and not
again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import total_ordering
from typing import Any

from watchtower.sandbox.codec import (
    decode,
    encode,
    message_to_multisign,
    message_to_sign,
    read_plain,
)
from watchtower.sandbox.formats import format_fault
from watchtower.sandbox.hashing import account_bytes, address_of_key, sha512_half
from watchtower.sandbox.metadata import ACCOUNT_FIELDS
from watchtower.sandbox.signatures import is_public_key, verify

__all__ = [
    "Seat",
    "Transaction",
    "parse_blob",
    "parse_json",
    "signature_fault",
    "signing_address",
]


@total_ordering
@dataclass(frozen=True, slots=True)
class Seat:
    """What a transaction uses up: a sequence, or a ticket. All sequences sort before all tickets.

    (rippled include/xrpl/protocol/SeqProxy.h)
    """

    ticket: bool
    number: int

    def __lt__(self, other: Seat) -> bool:
        return (self.ticket, self.number) < (other.ticket, other.number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transaction:
    """One signed transaction. ``fields`` is the wire's JSON and must not be changed."""

    fields: dict[str, Any]
    data: bytes = field(repr=False)
    hash: str
    account: str
    kind: str
    fee: int
    seat: Seat
    flags: int

    @property
    def blob(self) -> str:
        """The transaction's bytes, upper-case hexadecimal."""
        return self.data.hex().upper()

    @property
    def mentioned(self) -> set[str]:
        """The accounts that it names."""
        return {value for name, value in self.fields.items() if name in ACCOUNT_FIELDS}

    @property
    def fee_payer(self) -> str:
        """The account that pays the fee: the delegate where there is one (STObject.cpp:639-650)."""
        payer: str = self.fields.get("Delegate", self.account)
        return payer

    @property
    def last_ledger(self) -> int | None:
        """The last ledger the transaction may go into."""
        return self.fields.get("LastLedgerSequence")

    @property
    def seat_value(self) -> int:
        """The number of the sequence or ticket, from which new entries take their index."""
        return self.seat.number

    @property
    def signers(self) -> list[dict[str, Any]]:
        """The multi-signers, unwrapped."""
        return [s["Signer"] for s in self.fields.get("Signers", [])]


def parse_blob(blob: str) -> Transaction:
    """Return the transaction in ``blob``.

    Raises:
        ValueError: it cannot be decoded, or lacks what every transaction has.
    """
    try:
        data = bytes.fromhex(blob)
        fields = read_plain(data)
    except (ValueError, RecursionError):
        return _parse_odd(blob)
    if fault := format_fault(fields):
        raise ValueError(fault)
    return _transaction(fields, data)


def _parse_odd(blob: str) -> Transaction:
    """Return a transaction that is not plain, or written in another than the canonical form."""
    try:
        return parse_json(decode(blob.upper()))
    except ValueError:
        raise
    except Exception as error:  # the codec raises its own, KeyError, IndexError, … on bad input
        raise ValueError(str(error)) from error


def parse_json(fields: dict[str, Any]) -> Transaction:
    """Return the transaction with these fields.

    Raises:
        ValueError: it cannot be encoded, or lacks what every transaction has.
    """
    if fault := format_fault(fields):
        raise ValueError(fault)
    try:
        return _transaction(fields, bytes.fromhex(encode(fields)))
    except ValueError:
        raise
    except Exception as error:  # see _parse_odd
        raise ValueError(str(error)) from error


def _transaction(fields: dict[str, Any], data: bytes) -> Transaction:
    ticket = fields.get("TicketSequence")
    sequence = fields["Sequence"]
    return Transaction(
        fields=fields,
        data=data,
        hash=sha512_half(b"TXN\0" + data).hex().upper(),
        account=fields["Account"],
        kind=fields["TransactionType"],
        fee=int(fields["Fee"]),
        # A transaction with both is seated on its sequence and refused later.
        seat=Seat(ticket=True, number=ticket)
        if ticket is not None and not sequence
        else Seat(ticket=False, number=sequence),
        flags=fields.get("Flags", 0),
    )


def signature_fault(tx: Transaction) -> str | None:
    """Return why the server would not even look at the transaction, in its words; None if fine.

    (rippled src/libxrpl/protocol/STTx.cpp, checkSingleSign and checkMultiSign)
    """
    key = tx.fields.get("SigningPubKey", "")
    if "Signers" in tx.fields:
        return _multi_signature_fault(tx, key)
    signature = bytes.fromhex(tx.fields.get("TxnSignature", ""))
    if is_public_key(key) and verify(key, message_to_sign(tx.fields), signature):
        return None
    return "Invalid signature."


def _multi_signature_fault(tx: Transaction, key: str) -> str | None:
    if key or "TxnSignature" in tx.fields:
        return "Cannot both single- and multi-sign."
    signers = tx.signers
    if not 1 <= len(signers) <= 32:  # noqa: PLR2004 - STTx.h, maxMultiSigners
        return "Invalid Signers array size."
    previous = b""
    for signer in signers:
        account = account_bytes(signer["Account"])
        if signer["Account"] == tx.fields.get("Delegate", tx.account):
            return "Invalid multisigner."
        if account == previous:
            return "Duplicate Signers not allowed."
        if account < previous:
            return "Unsorted Signers array."
        previous = account
        message = message_to_multisign(tx.fields, signer["Account"])
        signature = bytes.fromhex(signer.get("TxnSignature", ""))
        if not verify(signer.get("SigningPubKey", ""), message, signature):
            return f"Invalid signature on account {signer['Account']}."
    return None


def signing_address(tx: Transaction) -> str | None:
    """Return the address of the key that signed, None if it was multi-signed."""
    key = tx.fields.get("SigningPubKey", "")
    return address_of_key(key) if key else None
