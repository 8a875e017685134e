"""Signatures under what a webhook is sent, by which it knows that it was us. Pure.

They are those of Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks,
spec/standard-webhooks.md, "Signature scheme"): HMAC-SHA256 over ``id.timestamp.body``, in base64,
behind ``v1,``. The time is signed too, so that a message that somebody has seen is of no use later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

__all__ = ["MOST_SECRETS", "secret_of", "signed_headers"]

_PREFIX: Final = "whsec_"
_LEAST, _MOST = 24, 64
"""Bytes that a secret has (the same, "Signature scheme": between 192 and 512 bits)."""

MOST_SECRETS: Final = 4
"""Secrets that sign one message, so that one can take the place of another without a gap."""


def secret_of(text: str) -> bytes:
    """Return the secret that ``text`` spells: ``whsec_`` and base64.

    Raises:
        ValueError: it spells none, and the message says why without telling it.
    """
    if not text.startswith(_PREFIX):
        raise ValueError(f"a secret begins with {_PREFIX}")
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"what follows {_PREFIX} is not base64") from None
    if not _LEAST <= len(secret) <= _MOST:
        raise ValueError(f"a secret has {_LEAST} to {_MOST} bytes")
    return secret


def signed_headers(secrets: Sequence[bytes], *, name: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message ``name`` sent ``at``, signed by each of ``secrets``.

    ``at`` is in seconds since 1970. Without a secret there is no signature.
    """
    headers = {"webhook-id": name, "webhook-timestamp": str(at)}
    if secrets:
        content = b"%s.%d.%s" % (name.encode(), at, body)
        digests = (hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets)
        headers["webhook-signature"] = " ".join(
            f"v1,{base64.b64encode(digest).decode()}" for digest in digests
        )
    return headers
