"""``channel_verify``: whether a claim's signature is good, without a look at the ledger.

Follows rippled src/xrpld/rpc/handlers/PayChanClaim.cpp.
"""

from __future__ import annotations

import re
from typing import Final

from watchtower.sandbox.addresses import account_key_bytes
from watchtower.sandbox.api.refusal import missing_field, refuse
from watchtower.sandbox.api.request import Answer, Request
from watchtower.sandbox.signatures import claim_message, is_public_key, verify

__all__ = ["channel_verify"]

_CHANNEL: Final = re.compile(r"[0-9A-Fa-f]{64}\Z")
_DROPS: Final = re.compile(r"[0-9]{1,20}\Z")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_MAX: Final = 2**64 - 1


def channel_verify(request: Request) -> Answer:
    """Tell whether ``signature`` signs ``amount`` on ``channel_id`` by ``public_key``."""
    params = request.params
    for field in ("public_key", "channel_id", "amount", "signature"):
        if field not in params:
            return missing_field(field)
    key = _public_key(params["public_key"])
    if key is None:
        return refuse("publicMalformed")
    channel, amount = params["channel_id"], params["amount"]
    if not isinstance(channel, str) or not _CHANNEL.match(channel):
        return refuse("channelMalformed")
    if not isinstance(amount, str) or not _DROPS.match(amount) or int(amount) > _MAX:
        return refuse("channelAmtMalformed")
    signature = params["signature"]
    if not isinstance(signature, str) or not _HEX.match(signature):
        return refuse("invalidParams")
    is_good = verify(key, claim_message(channel, int(amount)), bytes.fromhex(signature))
    return {"signature_verified": is_good}


def _public_key(value: object) -> str | None:
    """Return a key given in base 58 or hexadecimal as upper-case hexadecimal."""
    if not isinstance(value, str):
        return None
    if is_public_key(value.upper()):
        return value.upper()
    try:
        return account_key_bytes(value).hex().upper()
    except ValueError:
        return None
