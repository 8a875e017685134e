"""A claim as a payer hands it to a platform, and as it goes to the tower.

What it guarantees: what `read_claim` returns is well formed, and nothing more; whether it is worth
anything is for the tower to say. Whatever comes in, only the documented errors come out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from watchtower.errors import AmountError, ClaimFormatError, PublicKeyError
from watchtower.judgement.claim import Claim as Signed
from watchtower.judgement.claim import Verified, verify
from watchtower.units import MAX_DROPS, ChannelId, Drops, parse_channel_id, parse_drops

__all__ = ["Claim", "is_signed_by_its_key", "read_claim", "wire_of"]

_PUBLIC_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z", re.ASCII | re.IGNORECASE)
_SIGNATURE: Final = re.compile(r"(?:[0-9A-F]{2}){1,256}\Z", re.ASCII | re.IGNORECASE)


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signed claim. ``amount`` is cumulative drops; key and signature are upper-case hex.

    ``public_key`` is None where the payer named none: the channel's own key on the ledger decides.
    """

    channel: ChannelId
    amount: Drops
    signature: str
    public_key: str | None = None


def read_claim(
    channel: str, amount: str | int, signature: str, public_key: str | None = None
) -> Claim:
    """Return the claim that a payer's words spell.

    Args:
        channel: 64 hexadecimal digits.
        amount: drops, or text such as ``1.5XRP``; everything promised so far, not the increment.
        signature: hexadecimal.
        public_key: 66 hexadecimal digits, or None.

    Raises:
        ChannelIdError: ``channel`` is no channel id.
        AmountError: ``amount`` is neither drops nor XRP, or not above zero.
        ClaimFormatError: ``signature`` is not hexadecimal, or of no length that a signature has.
        PublicKeyError: ``public_key`` is of no type that a channel can have.
    """
    name = parse_channel_id(channel)
    drops = parse_drops(amount) if isinstance(amount, str) else Drops(amount)
    if not 0 < drops <= MAX_DROPS:
        raise AmountError(text=str(amount))
    if not _SIGNATURE.match(signature):
        raise ClaimFormatError(why="its signature is not hexadecimal, or too long or short for one")
    if public_key is not None and not _PUBLIC_KEY.match(public_key):
        raise PublicKeyError(text=public_key)
    key = None if public_key is None else public_key.upper()
    return Claim(channel=name, amount=drops, signature=signature.upper(), public_key=key)


def wire_of(claim: Claim) -> Mapping[str, Any]:
    """Return a claim as the tower reads it."""
    message: dict[str, Any] = {
        "channel": claim.channel,
        "amount": str(claim.amount),
        "signature": claim.signature,
    }
    if claim.public_key is not None:
        message["public_key"] = claim.public_key
    return message


def is_signed_by_its_key(claim: Claim) -> bool | None:
    """Say whether the key that a claim names has signed it; None if it names none.

    Whether that is the channel's key, only the ledger can tell.
    """
    if claim.public_key is None:
        return None
    signed = Signed(
        channel=claim.channel,
        amount=claim.amount,
        public_key=claim.public_key,
        signature=claim.signature,
    )
    return isinstance(verify(signed), Verified)
