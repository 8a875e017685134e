"""Payment claims of Dhali, as its clients send them and as its server keeps them.

A claim is a JSON object (Dhali-org/Dhali-py@621d4a0 src/dhali/dhali_xrpl_channel_manager.py and
Dhali-org/Dhali-js@1160f52 src/dhali/DhaliXrplChannelManager.js; the former version has five of the
eight fields: Dhali-py@1c47e78 src/dhali/payment_claim_generator.py). It is read

- as JSON, or as its Base64, which the clients send;
- inside of an x402 payment (Dhali-js@1160f52 src/dhali/utils.js, ``wrapAsX402PaymentPayload``), as
  JSON or Base64;
- inside of the server's record, as text under ``payment_claim`` (Dhali-py@0574357
  src/dhali/transaction_utils.py).

Dhali pays on other ledgers too; their claims are refused.

Pure.
"""

from __future__ import annotations

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

__all__ = ["read_dhali"]

_PROTOCOLS: Final = "XRPL."
_DROPS: Final = {"code": "XRP", "scale": 6}


class _Claim(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    account: str
    destination_account: str
    authorized_to_claim: str | int
    channel_id: str
    signature: str
    version: str = "1"
    protocol: str = _PROTOCOLS
    currency: dict[str, Any] = msgspec.field(default_factory=lambda: dict(_DROPS))


def read_dhali(document: bytes) -> Given:
    """Return the claim in what a client of Dhali sends, or its server keeps.

    Raises:
        InputError: it is no such thing, or a claim of another ledger.
    """
    text = text_of(document)
    found = read_object(text if text.startswith("{") else read_base64(text))
    if "x402Version" in found:
        found = read_into(found.get("payload"), dict[str, Any])
    elif "payment_claim" in found:
        found = read_object(read_into(found["payment_claim"], str))
    claim = read_into(found, _Claim)
    if not claim.protocol.startswith(_PROTOCOLS) or claim.currency != _DROPS:
        raise ClaimFormatError(why="it is for another ledger, or not in drops of XRP")
    return claim_in_drops(
        channel=claim.channel_id,
        amount=str(claim.authorized_to_claim),
        signature=claim.signature,
    )
