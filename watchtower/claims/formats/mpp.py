"""Vouchers of ``ripple/xrpl-mpp-sdk``, on the wire and as its server keeps them.

Three forms are read:

- the credential, as it comes in a request: ``Payment`` and Base64 of JSON without padding, the
  value of the header ``Authorization`` (wevm/mppx@0048ce7 src/Credential.ts, ``serialize``), or
  that JSON. Its ``payload`` has the channel, cumulative drops and the signature
  (ripple/xrpl-mpp-sdk@0ceb816 sdk/src/channel/Methods.ts);
- the record that the server's store has of a channel under ``xrpl:NETWORK:channel:ID``
  (@675b1e2 sdk/src/utils/keys.ts): ``cumulative``, ``signature``, ``timestamp``
  (@4b37a7e sdk/src/utils/schemas.ts, ``StoredHighWater``), given with its key as
  ``{"key": …, "value": …}``; some stores hold the value as text;
- what ``onVoucherAccepted`` is told (@02e7273 sdk/src/channel/server/Channel.ts), with the
  signature, which it is not told, out of that record.

A credential that closes a session carries a claim like any other. One that opens a channel does
not: its signature is over a channel of zeros, as long as nobody knows the real one.

Pure.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from watchtower.claims.formats.document import (
    claim_in_drops,
    read_base64,
    read_into,
    read_object,
    text_of,
)
from watchtower.claims.given import Given
from watchtower.errors import ClaimFormatError

__all__ = ["read_mpp"]

_SCHEME: Final = re.compile(r"(?:authorization:)?\s*(.+)\Z", re.IGNORECASE | re.DOTALL)
_PAYMENT: Final = re.compile(r"payment\s+(\S+)\Z", re.IGNORECASE)
_KEY: Final = re.compile(r"xrpl:[a-z0-9_-]{1,32}:channel:([0-9A-Fa-f]{64})\Z", re.ASCII)
_METHOD: Final = "xrpl"
_INTENTS: Final = ("session", "channel")  # the second is its former name


class _Credential(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    challenge: dict[str, Any]
    payload: dict[str, Any]
    source: str = ""


class _Payload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    action: str
    channelId: str  # noqa: N815 - the sdk's own word
    amount: str
    signature: str


class _Stored(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    key: str
    value: dict[str, Any] | str


class _HighWater(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    cumulative: str
    signature: str
    timestamp: int | None = None


class _Accepted(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    channelId: str  # noqa: N815 - the sdk's own word
    cumulative: str
    signature: str
    timestamp: int | None = None
    fundedDrops: str = ""  # noqa: N815 - the sdk's own word
    remainingDrops: str = ""  # noqa: N815 - the sdk's own word
    closesAt: str = ""  # noqa: N815 - the sdk's own word


def read_mpp(document: bytes) -> Given:
    """Return the claim in a voucher, in any of the three forms.

    Raises:
        InputError: it is none of them, or carries no claim.
    """
    text = text_of(document)
    found = read_object(text if text.startswith("{") else _json_of_header(text))
    if "payload" in found:
        return _of_credential(read_into(found, _Credential))
    if "key" in found:
        return _of_record(read_into(found, _Stored))
    accepted = read_into(found, _Accepted)
    return _claim(accepted.channelId, accepted.cumulative, accepted.signature)


def _json_of_header(text: str) -> str:
    """Return what the scheme ``Payment`` carries; others may stand beside it (RFC 9110 §11.4)."""
    value = _SCHEME.match(text)
    for scheme in (value[1] if value else "").split(","):
        if payment := _PAYMENT.match(scheme.strip()):
            return read_base64(payment[1])
    raise ClaimFormatError(why="it is neither JSON nor an Authorization of the scheme Payment")


def _of_credential(credential: _Credential) -> Given:
    challenge = credential.challenge
    if challenge.get("method") != _METHOD or challenge.get("intent") not in _INTENTS:
        raise ClaimFormatError(why="its challenge is not of the method xrpl and the intent session")
    if credential.payload.get("action") == "open":
        why = "it opens a channel, and names none yet; hand over the first voucher"
        raise ClaimFormatError(why=why)
    payload = read_into(credential.payload, _Payload)
    if payload.action not in {"voucher", "close"}:
        raise ClaimFormatError(why="its action is neither voucher nor close")
    return _claim(payload.channelId, payload.amount, payload.signature)


def _of_record(stored: _Stored) -> Given:
    named = _KEY.match(stored.key)
    if named is None:
        raise ClaimFormatError(why="its key is not xrpl:NETWORK:channel:ID")
    value = stored.value
    record = read_into(read_object(value) if isinstance(value, str) else value, _HighWater)
    return _claim(named[1], record.cumulative, record.signature)


def _claim(channel: str, amount: str, signature: str) -> Given:
    if not signature:
        raise ClaimFormatError(why="it has no signature: nothing was promised on the channel yet")
    return claim_in_drops(channel=channel, amount=amount, signature=signature)
