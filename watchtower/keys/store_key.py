"""The store's master key, wrapped so that it opens with a token's key, or with a passphrase.

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
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from watchtower.errors import (
    HsmError,
    HsmFailedError,
    PassphraseMissingError,
    StoreNeedsHsmError,
)
from watchtower.keys.hsm_values import Sealed
from watchtower.store.header import PASSPHRASE, Slot, unwrap_with, wrap_with
from watchtower.store.unlocking import ByPassphrase

__all__ = ["HSM", "AnyWayIn", "label_of", "slot_by_hsm"]

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


class AnyWayIn:
    """Opens a store by the token if one of its slots is the token's, or else by the passphrase."""

    def __init__(self, passphrase: Callable[[], str], hsm: Hsm | None) -> None:
        """Ask for ``passphrase`` only where one is needed; ``hsm`` is None where none is set up."""
        self._passphrase = passphrase
        self._hsm = hsm

    async def open(self, path: Path, slots: Sequence[Slot], store_format: int) -> bytes:
        """Return the master key of the store at ``path``.

        Raises:
            PassphraseError: the passphrase opens none of the slots.
            PassphraseMissingError: it takes one, and nobody gave any.
            StoreNeedsHsmError: a token opens it, and is not the one that is set up here.
            HsmError: the token does not open it now.
        """
        wrapped = [slot for slot in slots if slot.kind == HSM]
        if not wrapped:
            return await self._by_passphrase(path, slots, store_format)
        try:
            try:
                return await self._by_hsm(path, wrapped, store_format)
            finally:
                if self._hsm is not None:
                    await self._hsm.close()
        except (HsmError, StoreNeedsHsmError):
            if any(slot.kind == PASSPHRASE for slot in slots):
                with suppress(PassphraseMissingError):
                    return await self._by_passphrase(path, slots, store_format)
            raise

    async def renew(
        self, path: Path, master: bytes, slots: Sequence[Slot], formats: tuple[int, int]
    ) -> list[Slot]:
        """Return the same slots for another format: whoever opened the store opens it after."""
        made = []
        for slot in slots:
            if slot.kind == HSM:
                await self._by_hsm(path, [slot], formats[0])
            if (label := label_of(slot)) is not None:
                hsm = self._needed(path, slot)
                made.append(await slot_by_hsm(hsm, label[1], master, formats[1]))
        by_passphrase = [slot for slot in slots if slot.kind == PASSPHRASE]
        if by_passphrase or not slots:
            by = ByPassphrase(self._passphrase())
            made += await by.renew(path, master, by_passphrase, formats)
        return made

    async def _by_passphrase(self, path: Path, slots: Sequence[Slot], store_format: int) -> bytes:
        return await ByPassphrase(self._passphrase()).open(path, slots, store_format)

    async def _by_hsm(self, path: Path, slots: Sequence[Slot], store_format: int) -> bytes:
        for slot in slots:
            hsm, told = self._needed(path, slot), _told(slot)
            if told is None:
                continue
            sealed = Sealed(mechanism=told.mechanism, nonce=told.nonce, data=told.sealed)
            key = await hsm.open_sealed(told.key, sealed)
            master = unwrap_with(slot, key, store_format=store_format)
            if master is not None:
                return master
        raise _needs_hsm(path, slots[0], "that key is another one, or the header was changed")

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
