"""What all forms of claims share: JSON that is read strictly, amounts that stay exact.

What it guarantees: whatever bytes come in, a value comes out or a `ClaimFormatError`. A field that
is told twice is refused, for two readers would take different ones; a number with a fraction or an
exponent stays a `Decimal` and never becomes a float; a document longer than any claim is not read.

Pure.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from watchtower.claims.given import Given
from watchtower.claims.message import ClaimMessage, claim_of
from watchtower.errors import AmountError, ClaimFormatError

__all__ = [
    "MOST_BYTES",
    "claim_in_drops",
    "exact_drops",
    "read_base64",
    "read_into",
    "read_object",
    "text_of",
]

MOST_BYTES: Final = 65_536
"""Of one document: the longest that is known, a credential, has 8 KiB before its encoding
(ripple/xrpl-mpp-sdk@02e7273 sdk/src/channel/server/Channel.ts, maxCredentialSize)."""

_DIGITS: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z", re.ASCII)

_T = TypeVar("_T")


def text_of(document: bytes) -> str:
    """Return a document as text without what stands around it.

    A document that is one JSON string is that string: so documents of text travel in JSON.

    Raises:
        ClaimFormatError: it is too long, empty, or not text.
    """
    if len(document) > MOST_BYTES:
        raise ClaimFormatError(why=f"it is longer than {MOST_BYTES} bytes")
    try:
        text = document.decode().strip()
    except UnicodeDecodeError:
        raise ClaimFormatError(why="it is not UTF-8") from None
    if text.startswith('"'):
        found = _read_json(text)
        text = found.strip() if isinstance(found, str) else ""
    if not text:
        raise ClaimFormatError(why="it is empty")
    return text


def read_object(text: str) -> dict[str, Any]:
    """Return a JSON object, in which no object tells a field twice.

    Raises:
        ClaimFormatError: it is none.
    """
    found = _read_json(text)
    if not isinstance(found, dict):
        raise ClaimFormatError(why="it is no JSON object")
    return found


def read_into(found: object, shape: type[_T]) -> _T:
    """Return a JSON value as a ``shape`` of msgspec's, strictly.

    Raises:
        ClaimFormatError: a field is missing, unknown or of another type.
    """
    try:
        return msgspec.convert(found, shape)
    except msgspec.ValidationError as wrong:
        raise ClaimFormatError(why=str(wrong)) from None


def read_base64(text: str) -> str:
    """Return the text that Base64 spells, of either alphabet, padded or not (RFC 4648 §4, §5).

    Raises:
        ClaimFormatError: it spells none.
    """
    if not _BASE64.match(text):
        raise ClaimFormatError(why="it is not Base64")
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ClaimFormatError(why="its Base64 spells no text") from None


def exact_drops(amount: str) -> str:
    """Return an amount that must be a number of drops, and not XRP.

    Raises:
        AmountError: it is something else.
    """
    if not _DIGITS.match(amount):
        raise AmountError(text=amount[:64])
    return amount


def claim_in_drops(*, channel: str, amount: str, signature: str) -> Given:
    """Return the claim that names no key, from three words of another's record.

    Raises:
        InputError: a word has a wrong form.
    """
    return claim_of(ClaimMessage(channel=channel, amount=exact_drops(amount), signature=signature))


def _read_json(text: str) -> Any:
    try:
        if "\\u" in text:
            # Python's reader takes half a character, which no sentence can tell afterwards.
            msgspec.json.decode(text)
        return json.loads(
            text, object_pairs_hook=_once, parse_float=Decimal, parse_constant=_no_number
        )
    except RecursionError:
        raise ClaimFormatError(why="it is nested too deeply") from None
    except ValueError:  # msgspec's errors are ValueErrors as well
        raise ClaimFormatError(why="it is no JSON") from None


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ClaimFormatError(why="it tells a field twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ClaimFormatError(why=f"{name} is no number")
