"""A claim: the payer's signed word that the payee may take so much from a channel.

What is signed are 44 bytes: ``CLM`` and a zero, the channel's id, the drops in big-endian order
(rippled include/xrpl/protocol/PayChan.h, serializePayChanAuthorization). Claims are cumulative;
the highest one is the best, and there is nothing to revoke.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from watchtower.judgement.signature import canonical, key_type
from watchtower.units import MAX_DROPS, ChannelId, Drops

__all__ = ["Claim", "Refused", "SignatureFault", "Verified", "claim_message", "verify"]

_PREFIX: Final = b"CLM\0"


class Claim(Struct, frozen=True, kw_only=True, gc=False):
    """A signed claim. ``amount`` is cumulative drops; key and signature are upper-case hex."""

    channel: ChannelId
    amount: Drops
    public_key: str
    signature: str


class SignatureFault(StrEnum):
    """Why the ledger would not take a claim, whatever the state of its channel."""

    AMOUNT = "amount"  # not above zero, or above all XRP there is
    KEY = "key"  # the key is of no type that can sign a claim
    SIGNATURE = "signature"  # the key did not sign these 44 bytes

    @property
    def sentence(self) -> str:
        """The fault in words that follow a colon."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    SignatureFault.AMOUNT: "its amount is not above zero, or above all XRP there is",
    SignatureFault.KEY: "its public key is of no type that can sign a claim",
    SignatureFault.SIGNATURE: "its key did not sign this amount for this channel",
}


class Verified(Struct, frozen=True, kw_only=True, gc=False):
    """The ledger takes this claim. If ``rescued``, its signature was put into canonical form."""

    claim: Claim
    rescued: bool


class Refused(Struct, frozen=True, kw_only=True, gc=False):
    """The ledger would refuse this claim."""

    why: SignatureFault


def claim_message(channel: ChannelId, amount: Drops) -> bytes:
    """Return the 44 bytes that are signed for ``amount`` drops of ``channel``."""
    return _PREFIX + bytes.fromhex(channel) + amount.to_bytes(8, "big")


def verify(claim: Claim) -> Verified | Refused:
    """Return the claim as the ledger takes it, verified against the key that it names.

    Whether that is the channel's key is another question, and the channel's to answer.
    """
    if not 0 < claim.amount <= MAX_DROPS:
        return Refused(why=SignatureFault.AMOUNT)
    public_key, signature = _unhex(claim.public_key), _unhex(claim.signature)
    if key_type(public_key) is None:
        return Refused(why=SignatureFault.KEY)
    taken = canonical(public_key, claim_message(claim.channel, claim.amount), signature)
    if taken is None:
        return Refused(why=SignatureFault.SIGNATURE)
    key, form = public_key.hex().upper(), taken.signature.hex().upper()
    if (key, form) != (claim.public_key, claim.signature):
        claim = replace(claim, public_key=key, signature=form)
    return Verified(claim=claim, rescued=taken.rescued)


def _unhex(text: str) -> bytes:
    """Return the bytes that ``text`` spells; none if it spells none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
