"""The ways into a store: what opens each kind of slot, in the order in which they are tried.

1. ``credential``: the systemd credential ``vault_key``;
2. ``key_file``: the file that ``WATCHTOWER_KEY_FILE`` names, or else ``vault.key_file``;
3. ``hsm``: the token of ``[hsm]``;
4. ``passphrase``: found as ``passphrase.py`` says, and asked for only when no other way opened.

Each opens the store alone. A way that is not at hand, or is not the right one, is passed over: that
is what several are for. A file that others can read, or that holds no key at all, is refused, also
where another way would open: it is a mistake that somebody should know of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from watchtower.errors import (
    HsmError,
    PassphraseError,
    PassphraseMissingError,
    StoreNeedsHsmError,
    WatchtowerError,
    WayInError,
)
from watchtower.keys.key_file import CREDENTIAL, KEY_FILE, KeyInFile, key_credential, key_file
from watchtower.keys.secret_file import wipe
from watchtower.keys.store_key import HSM, ByToken, Hsm
from watchtower.store.header import DEFAULT_COST, PASSPHRASE, Cost, Slot, cost_of, unwrap, wrap

__all__ = ["ORDER", "AnyWayIn", "ByWord", "Way", "Word", "dearer"]

ORDER: Final = (CREDENTIAL, KEY_FILE, HSM, PASSPHRASE)
"""The kinds of slots, in the order in which they are tried."""

Word = Callable[[], str | bytearray]
"""Gives the passphrase, as often as it is asked."""

_NOT_AT_HAND: Final = (HsmError, PassphraseError, PassphraseMissingError, StoreNeedsHsmError)


class Way(Protocol):
    """What opens the slots of one kind, and makes them."""

    @property
    def kind(self) -> str:
        """The kind of its slots."""
        ...

    @property
    def place(self) -> str:
        """Where its secret is looked for, for people."""
        ...

    @property
    def is_at_hand(self) -> bool:
        """Whether its secret seems to be there; nobody is asked for it."""
        ...

    async def open(self, path: Path, slot: Slot, store_format: int) -> bytes:
        """Return the master key, or raise why not."""
        ...

    async def make(
        self, path: Path, master: bytes, store_format: int, like: Slot | None = None
    ) -> Slot:
        """Return a slot that it opens, as ``like`` was but for what is random, or raise why not."""
        ...


class ByWord:
    """A way into the store: the passphrase, which is asked for when it is needed."""

    kind = PASSPHRASE

    def __init__(
        self, passphrase: Callable[[], str | bytearray], cost: Cost = DEFAULT_COST
    ) -> None:
        """Ask ``passphrase``; what is made costs at least ``cost`` to guess.

        What it gives as bytes is overwritten as soon as it was used.
        """
        self._passphrase = passphrase
        self.cost = cost

    place = "the environment, a file, the systemd credential 'passphrase', or a prompt"
    is_at_hand = True

    async def open(self, path: Path, slot: Slot, store_format: int) -> bytes:
        """Return the master key of the store at ``path``.

        Raises:
            PassphraseError: it is another passphrase, or the slot was changed.
            PassphraseMissingError: nobody gave one.
        """
        word = self._passphrase()
        try:
            master = await asyncio.to_thread(unwrap, slot, word, store_format=store_format)
        finally:
            wipe(word)
        if master is None:
            raise PassphraseError(path=path)
        return master

    async def make(
        self, path: Path, master: bytes, store_format: int, like: Slot | None = None
    ) -> Slot:
        """Return a slot that the passphrase opens, not cheaper to guess than ``like``.

        Raises:
            PassphraseMissingError: nobody gave one.
        """
        del path
        before = None if like is None else cost_of(like)
        cost = self.cost if before is None else dearer(before, self.cost)
        word = self._passphrase()
        try:
            return await asyncio.to_thread(wrap, master, word, store_format=store_format, cost=cost)
        finally:
            wipe(word)


class AnyWayIn:
    """Opens a store by whichever way is at hand, and asks for a passphrase only if none is."""

    def __init__(
        self,
        passphrase: Word,
        hsm: Hsm | None,
        keys: Sequence[KeyInFile] = (),
        *,
        cost: Cost = DEFAULT_COST,
    ) -> None:
        """Ask for ``passphrase`` only where one is needed; ``hsm`` is None where none is set up."""
        ways: list[Way] = [*keys, ByToken(hsm), ByWord(passphrase, cost)]
        there = {way.kind for way in ways}
        nowhere = [way for way in (key_credential({}), key_file("", {})) if way.kind not in there]
        self.ways: Mapping[str, Way] = {way.kind: way for way in (*nowhere, *ways)}

    async def open(self, path: Path, slots: Sequence[Slot], store_format: int) -> bytes:
        """Return the master key of the store at ``path``.

        Raises:
            PassphraseError: the passphrase opens none of the slots.
            PassphraseMissingError: it takes one, and nobody gave any.
            StoreNeedsHsmError: a token opens it, and is not the one that is set up here.
            HsmError: the token does not open it now.
            WayInError: a key file or a credential opens it, and is not at hand, or another one.
            ConfigError: a key file can be read by others, or holds no key.
        """
        troubles: list[WatchtowerError] = []
        for kind in ORDER:
            for slot in (each for each in slots if each.kind == kind):
                try:
                    return await self.ways[kind].open(path, slot, store_format)
                except (*_NOT_AT_HAND, WayInError) as trouble:
                    troubles.append(trouble)
        raise _most_telling(path, troubles)

    async def renew(self, path: Path, master: bytes, store_format: int) -> list[Slot]:
        """Return a slot that the passphrase opens."""
        return [await self.ways[PASSPHRASE].make(path, master, store_format)]


def dearer(one: Cost, other: Cost) -> Cost:
    """Return a cost that is in nothing below either."""
    return Cost(
        memory_kib=max(one.memory_kib, other.memory_kib),
        passes=max(one.passes, other.passes),
        lanes=max(one.lanes, other.lanes),
    )


def _most_telling(path: Path, troubles: Sequence[WatchtowerError]) -> WatchtowerError:
    """Return what to tell of several ways that did not open."""
    wrong = [each for each in troubles if isinstance(each, PassphraseError)]
    others = [each for each in troubles if not isinstance(each, PassphraseMissingError)]
    if wrong or not troubles:
        return PassphraseError(path=path)
    if len(others) < 2:  # noqa: PLR2004 - one sentence is enough
        return [*others, *troubles][0]
    why = "; ".join(str(each.facts.get("why", each)) for each in others)
    return WayInError(path=path, why=why)
