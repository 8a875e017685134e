"""The store's master key, wrapped so that it opens with a token's key.

A slot of kind ``hsm``: 32 random bytes, made for this slot alone, seal the master key with
AES-256-GCM as a stretched passphrase does (``store/header.py``). These bytes are sealed in turn by
an AES key that was made in the token and never leaves it, with CKM_AES_GCM, or CKM_AES_CBC_PAD
where a token has no GCM. The master key itself never reaches the token, and what authenticates the
slot does not depend on what the token can do. Parameters, version 1: the labels of token and key,
the mechanism, its nonce, and the sealed bytes (msgpack).
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from watchtower.errors import HsmFailedError, StoreNeedsHsmError
from watchtower.keys.hsm_values import Sealed
from watchtower.store.header import Slot, unwrap_with, wrap_with

__all__ = ["HSM", "ByToken", "Hsm", "label_of", "slot_by_hsm"]

HSM: Final = "hsm"
"""The kind of slot that a token opens."""

_KEY_BYTES: Final = 32


class Hsm(Protocol):
    """The token that wraps."""

    @property
    def token(self) -> str:
        """Its label."""
        ...

    async def seal(self, label: str, secret: bytes) -> Sealed:
        """Seal ``secret`` under the key of that label, or raise an HsmError."""
        ...

    async def open_sealed(self, label: str, sealed: Sealed) -> bytes:
        """Open what `seal` sealed, or raise an HsmError."""
        ...

    async def close(self) -> None:
        """Let go of the token."""
        ...


class _Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    token: str
    key: str
    mechanism: str
    nonce: bytes
    sealed: bytes


async def slot_by_hsm(hsm: Hsm, label: str, master: bytes, store_format: int) -> Slot:
    """Return a slot that opens with the token's key called ``label``, and has been seen to.

    Raises:
        HsmError: the token does not wrap, or does not unwrap what it wrapped.
    """
    key = secrets.token_bytes(_KEY_BYTES)
    sealed = await hsm.seal(label, key)
    # Let go in between: it has to open in another session, and after another log-in.
    await hsm.close()
    if not hmac.compare_digest(await hsm.open_sealed(label, sealed), key):
        why = "what comes back is not what was wrapped"
        raise HsmFailedError(token=hsm.token, what="wrap a key", why=why)
    parameters = msgspec.msgpack.encode(
        _Parameters(
            version=1,
            token=hsm.token,
            key=label,
            mechanism=sealed.mechanism,
            nonce=sealed.nonce,
            sealed=sealed.data,
        )
    )
    return wrap_with(master, key, kind=HSM, parameters=parameters, store_format=store_format)


def label_of(slot: Slot) -> tuple[str, str] | None:
    """Return the labels of the token and of its key that open a slot; None if none does."""
    told = _told(slot)
    return None if told is None else (told.token, told.key)


class ByToken:
    """A way into the store: a key of the token, called ``label`` where a slot is made."""

    kind = HSM

    def __init__(self, hsm: Hsm | None, label: str = "") -> None:
        """Reach the key through ``hsm``, which is None where none is set up."""
        self._hsm = hsm
        self._label = label

    @property
    def place(self) -> str:
        """Where it is looked for."""
        return "no token ([hsm] names none)" if self._hsm is None else f"token {self._hsm.token}"

    @property
    def is_at_hand(self) -> bool:
        """Whether a token is set up; nobody has asked it anything."""
        return self._hsm is not None

    async def open(self, path: Path, slot: Slot, store_format: int) -> bytes:
        """Return the master key of the store at ``path``.

        Raises:
            StoreNeedsHsmError: no token is set up, or the key is another one.
            HsmError: the token does not open it now.
        """
        hsm, told = self._needed(path, slot), _told(slot)
        if told is not None:
            sealed = Sealed(mechanism=told.mechanism, nonce=told.nonce, data=told.sealed)
            try:
                key = await hsm.open_sealed(told.key, sealed)
            finally:
                await hsm.close()
            master = unwrap_with(slot, key, store_format=store_format)
            if master is not None:
                return master
        raise _needs_hsm(path, slot, "that key is another one, or the header was changed")

    async def make(
        self, path: Path, master: bytes, store_format: int, like: Slot | None = None
    ) -> Slot:
        """Return a slot that the token opens, by the key that opens ``like`` if there is one.

        Raises:
            StoreNeedsHsmError: no token is set up.
            HsmError: the token does not wrap, or does not unwrap what it wrapped.
        """
        told = None if like is None else label_of(like)
        label = self._label if told is None else told[1]
        slot = Slot(kind=HSM, parameters=b"", wrapped=b"") if like is None else like
        return await slot_by_hsm(self._needed(path, slot), label, master, store_format)

    def _needed(self, path: Path, slot: Slot) -> Hsm:
        if self._hsm is None:
            raise _needs_hsm(path, slot, "no token is set up in [hsm]")
        return self._hsm


def _needs_hsm(path: Path, slot: Slot, why: str) -> StoreNeedsHsmError:
    token, key = label_of(slot) or ("(not told)", "(not told)")
    return StoreNeedsHsmError(path=path, token=token, label=key, why=why)


def _told(slot: Slot) -> _Parameters | None:
    if slot.kind != HSM:
        return None
    try:
        return msgspec.msgpack.decode(slot.parameters, type=_Parameters)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
