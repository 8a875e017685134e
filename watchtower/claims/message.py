"""Read a claim as a person or a payer's software gives it: a few words, or one JSON object.

What it guarantees: what comes out is well formed, and nothing more; whether it is worth anything
is for ``decide.py`` to say. Whatever bytes come in, only the documented errors come out.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from watchtower.claims.given import Given, KeylessClaim
from watchtower.errors import AmountError, ClaimFormatError, PublicKeyError
from watchtower.units import MAX_DROPS, Drops, parse_channel_id, parse_drops

__all__ = ["ClaimMessage", "claim_of", "parse_claim", "parse_claim_json"]

_PUBLIC_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z", re.ASCII | re.IGNORECASE)
# The ledger's longest signature has 72 bytes; what is a little longer may still be rescued.
_SIGNATURE: Final = re.compile(r"(?:[0-9A-F]{2}){1,256}\Z", re.ASCII | re.IGNORECASE)


class ClaimMessage(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A claim as its payer signed it. ``amount`` is drops, or text such as ``1.5XRP``.

    ``public_key`` may be left out: the channel's own key decides in any case.
    """

    channel: str
    amount: str | int
    signature: str
    public_key: str | None = None


_DECODER: Final = msgspec.json.Decoder(ClaimMessage)


def parse_claim(
    *, channel: str, amount: str, signature: str, public_key: str | None = None
) -> Given:
    """Return the claim that three or four words spell.

    Raises:
        ChannelIdError: ``channel`` is not 64 hexadecimal digits.
        AmountError: ``amount`` is neither drops nor XRP.
        PublicKeyError: ``public_key`` is of no type that a channel can have.
        ClaimFormatError: ``signature`` is not hexadecimal, or of no length that a signature has.
    """
    return _claim(channel, parse_drops(amount), signature, public_key)


def parse_claim_json(line: bytes | str) -> Given:
    """Return the claim in one JSON object: ``channel``, ``amount``, ``signature``, ``public_key``.

    The key may be left out, or null.

    Raises:
        ClaimFormatError: it is not such an object; a field is missing, unknown or of a wrong type.
        ChannelIdError: as `parse_claim`.
        AmountError: as `parse_claim`.
        PublicKeyError: as `parse_claim`.
    """
    try:
        found = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeError) as wrong:
        raise ClaimFormatError(why=str(wrong)) from wrong
    return claim_of(found)


def claim_of(message: ClaimMessage) -> Given:
    """Return the claim that a message spells.

    Raises:
        InputError: as `parse_claim`.
    """
    if isinstance(message.amount, str):
        amount = parse_drops(message.amount)
    elif 0 <= message.amount <= MAX_DROPS:
        amount = Drops(message.amount)
    else:
        raise AmountError(text=str(message.amount))
    return _claim(message.channel, amount, message.signature, message.public_key)


def _claim(channel: str, amount: Drops, signature: str, public_key: str | None) -> Given:
    channel_id = parse_channel_id(channel)
    if public_key is not None and not _PUBLIC_KEY.match(public_key):
        raise PublicKeyError(text=public_key)
    if not _SIGNATURE.match(signature):
        raise ClaimFormatError(why="its signature is not hexadecimal, or too long or short for one")
    keyless = KeylessClaim(channel=channel_id, amount=amount, signature=signature.upper())
    return keyless if public_key is None else keyless.under(public_key.upper())
