"""age, written down once more from its specification (https://age-encryption.org/v1).

So that a locked key file can be made that costs nothing to open: age's own takes a second.
"""

from __future__ import annotations

import base64
import hmac

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_WORK = 4


def locked(text: str, passphrase: str) -> bytes:
    """Return ``text``, encrypted with a passphrase."""
    file_key, salt, nonce = b"file key, 16 by.", b"salt, 16 bytes..", b"nonce, 16 bytes."
    label = b"age-encryption.org/v1/scrypt" + salt
    wrapping = Scrypt(salt=label, length=32, n=2**_WORK, r=8, p=1).derive(passphrase.encode())
    body = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    head = b"\n".join(
        [
            b"age-encryption.org/v1",
            b"-> scrypt " + _base64(salt) + b" %d" % _WORK,
            _base64(body),
            b"---",
        ]
    )
    mac = hmac.digest(_expanded(file_key, b"", b"header"), head, "sha256")
    payload = ChaCha20Poly1305(_expanded(file_key, nonce, b"payload"))
    sealed = payload.encrypt(bytes(11) + b"\x01", text.encode(), None)
    return head + b" " + _base64(mac) + b"\n" + nonce + sealed


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _expanded(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=salt, info=info).derive(key)
