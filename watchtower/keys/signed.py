"""Signed transactions: how they become bytes, and whether a signature is theirs.

Whoever was handed a signature from elsewhere has it stand in bytes of his own making: nothing of
what came is read as a transaction, so that it cannot be another one than was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha512
from typing import Any, Final, NamedTuple

from coincurve import PublicKey
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from xrpl.core import binarycodec

from watchtower.judgement.signature import canonical, key_type
from watchtower.keys.claim_encoding import claim_to_sign, decode_claim, encode_claim
from watchtower.units import TxHash

__all__ = [
    "Codec",
    "SignedTransaction",
    "as_signed",
    "codec_of",
    "half_sha512",
    "signed_with",
    "verify",
]

_ED25519: Final = "ED"
_TRANSACTION_ID: Final = b"TXN\0"  # rippled HashPrefix.h:37, transactionID


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """A transaction as the servers take it, in upper-case hex, and its identifying hash."""

    blob: str
    transaction: TxHash


class Codec(NamedTuple):
    """How transactions become bytes, and how these are read back."""

    to_sign: Callable[[Mapping[str, Any]], bytes]
    encode: Callable[[Mapping[str, Any]], bytes]
    decode: Callable[[bytes], Mapping[str, Any]]


_OF_CLAIMS: Final = Codec(claim_to_sign, encode_claim, decode_claim)
"""Claims are signed by the thousand, between two ledgers."""

_OF_EVERYTHING: Final = Codec(
    to_sign=lambda fields: bytes.fromhex(binarycodec.encode_for_signing(dict(fields))),
    encode=lambda fields: bytes.fromhex(binarycodec.encode(dict(fields))),
    decode=lambda data: binarycodec.decode(data.hex()),
)


def codec_of(transaction: Mapping[str, Any]) -> Codec:
    """Return how transactions of this type are written."""
    is_claim = transaction["TransactionType"] == "PaymentChannelClaim"
    return _OF_CLAIMS if is_claim else _OF_EVERYTHING


def signed_with(
    transaction: Mapping[str, Any], *, public_key: str, signature: str
) -> SignedTransaction | None:
    """Return ``transaction`` with a signature, both in upper-case hex.

    None if the key did not sign these very fields.
    """
    try:
        key, given = bytes.fromhex(public_key), bytes.fromhex(signature)
    except ValueError:
        return None
    unsigned = {**transaction, "SigningPubKey": key.hex().upper()}
    codec = codec_of(transaction)
    if key_type(key) is None:
        return None
    # As strict as the server is: a form of the signature that it refuses would never be applied.
    taken = canonical(key, codec.to_sign(unsigned), given)
    if taken is None or taken.rescued:
        return None
    return as_signed(codec.encode({**unsigned, "TxnSignature": given.hex().upper()}))


def as_signed(data: bytes) -> SignedTransaction:
    """Return the bytes of a signed transaction with their hash."""
    digest = half_sha512(_TRANSACTION_ID + data)
    return SignedTransaction(blob=data.hex().upper(), transaction=TxHash(digest.hex().upper()))


def verify(message: bytes, signature: bytes, public_key: str) -> bool:
    """Return whether ``public_key``, a key of ours, signed ``message``."""
    key = bytes.fromhex(public_key)
    if not public_key.startswith(_ED25519):
        return PublicKey(key).verify(signature, half_sha512(message), hasher=None)
    try:
        VerifyKey(key[1:]).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def half_sha512(message: bytes) -> bytes:
    """Return the first half of SHA-512, which is what the ledger signs and names things by."""
    return sha512(message).digest()[:32]
