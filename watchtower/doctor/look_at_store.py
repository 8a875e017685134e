"""Looking into the store: opened for reading alone, beside a daemon or without one.

SQLite itself refuses to write, so nothing is migrated, planted or put right here; a store of an
older format is not opened at all. Where somebody has it open, or was killed with it, its log lies
beside it, and is read as well (``mode=ro``). Where nobody has, it is taken for a file that nobody
changes (``immutable=1``), for a reader alone would leave an empty log behind
(https://www.sqlite.org/wal.html, section 5); if a log is there afterwards it is looked into anew.

Every way in is tried that needs nobody; a person is asked only where none of them opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from watchtower.access.token import Token
from watchtower.doctor.of_heads import HeadFacts
from watchtower.doctor.of_rights import Stand, Where
from watchtower.doctor.of_store import StoreFacts, WayFacts
from watchtower.errors import PassphraseMissingError, StoreError, WatchtowerError
from watchtower.head_settings import HeadSettings
from watchtower.keys.authority import Right, right_of
from watchtower.keys.signed import codec_of, with_signature
from watchtower.keys.vault import KeyCard, Standing, Vault
from watchtower.keys.ways import ORDER, AnyWayIn
from watchtower.ledger.events import Seat
from watchtower.response.transaction import with_common_fields
from watchtower.settings import Settings
from watchtower.store.connections import PATIENCE, Connections
from watchtower.store.database import Driver, Store
from watchtower.store.driver import reading, reading_still
from watchtower.store.faults import sqlite_faults
from watchtower.store.files import log_beside
from watchtower.store.header import PASSPHRASE, Slot
from watchtower.store.notes import RECOVERY
from watchtower.store.opening import header_in, look_at
from watchtower.store.tables import FORMAT
from watchtower.tower.noted_accounts import ACCOUNT_NOTE
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import Address, Drops, LedgerIndex

__all__ = ["NOWHERE", "Inside", "LookAtHeads", "StoreSeen", "look_at_store", "probe"]

LookAtHeads = Callable[[Store], Awaitable[Sequence[HeadFacts]]]
"""Returns how an open store stands to each of its heads."""

NOWHERE: Final = "0" * 63 + "1"
"""A channel that there is not: ids are hashes, and nobody finds one to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What is in the store that others are judged by.

    ``cards`` are its keys with why each does not sign, None if it does; ``ahead`` what was signed
    ahead, ``status`` the daemon's last word, ``accounts`` how it last saw each account.
    """

    cursor: LedgerIndex | None = None
    status: dict[str, Any] | None = None
    cards: tuple[tuple[KeyCard, str | None], ...] = ()
    ahead: tuple[Stand, ...] = ()
    tokens: tuple[Token, ...] = ()
    accounts: dict[Address, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSeen:
    """The facts of the store, and what is in it, if it was opened."""

    facts: StoreFacts
    inside: Inside | None


class _EveryWay:
    """Tries every way in by itself, and remembers what became of each."""

    def __init__(self, ways: AnyWayIn, at_last: AnyWayIn) -> None:
        self._ways = ways
        self._at_last = at_last
        self.told: list[WayFacts] = []

    async def open(self, path: Path, slots: Sequence[Slot], store_format: int) -> bytes:
        """Return the master key by whichever way opens."""
        found: bytes | None = None
        for kind in ORDER:
            of_kind = [slot for slot in slots if slot.kind == kind]
            if of_kind:
                found = await self._try(kind, path, of_kind, store_format) or found
        if found is not None:
            return found
        # Nobody had to be asked so far.
        asked = await self._at_last.open(path, slots, store_format)
        self.told = [way for way in self.told if way.kind != PASSPHRASE]
        self.told.append(WayFacts(kind=PASSPHRASE, place="as it was typed now", why=None))
        return asked

    async def renew(self, path: Path, master: bytes, store_format: int) -> list[Slot]:
        """Nothing is made here."""
        raise NotImplementedError

    async def _try(
        self, kind: str, path: Path, slots: Sequence[Slot], store_format: int
    ) -> bytes | None:
        way = self._ways.ways[kind]
        why = ""
        for slot in slots:
            try:
                master = await way.open(path, slot, store_format)
            except WatchtowerError as trouble:
                why = str(trouble)
            else:
                self.told.append(WayFacts(kind=kind, place=way.place, why=None))
                return master
        self.told.append(WayFacts(kind=kind, place=way.place, why=why))
        return None


async def look_at_store(
    loaded: Settings, *, make: str, ways: AnyWayIn, asking: AnyWayIn | None, heads: LookAtHeads
) -> StoreSeen:
    """Return what there is to see of the store.

    Args:
        loaded: the settings.
        make: the command that makes a store for them.
        ways: what opens it without asking anybody.
        asking: what asks a person; None where nobody sits.
        heads: looks at its heads, once it is open.
    """
    path = Path(loaded.store)
    if not await asyncio.to_thread(path.exists):
        log = await asyncio.to_thread(log_beside, path)
        left = None if log is None else str(log)
        facts = StoreFacts(path=str(path), exists=False, make=make, log=left)
        return StoreSeen(facts=facts, inside=None)
    is_still = not await asyncio.to_thread(_has_log, path)
    by = _EveryWay(ways, asking or ways)
    looking = _Looking(loaded=loaded, make=make, by=by, heads=heads)
    found = await _look(path, looking, is_still=is_still)
    if is_still and await asyncio.to_thread(_has_log, path):
        by.told.clear()
        return await _look(path, looking, is_still=False)
    return found


def _has_log(path: Path) -> bool:
    return Path(f"{path}-wal").exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looking:
    """What a look at the store goes by."""

    loaded: Settings
    make: str
    by: _EveryWay
    heads: LookAtHeads


async def _look(path: Path, looking: _Looking, *, is_still: bool) -> StoreSeen:
    driver = reading_still if is_still else reading
    by = looking.by

    def seen(**more: Any) -> StoreFacts:
        ways = tuple(by.told)
        return StoreFacts(path=str(path), exists=True, make=looking.make, ways=ways, **more)

    try:
        await asyncio.to_thread(look_at, path)
        with sqlite_faults(path):
            header = await header_in(Connections(path, PATIENCE, driver), path)
        if header.store_format < FORMAT:
            return StoreSeen(facts=seen(older_format=header.store_format), inside=None)
        async with _opened(path, by, driver) as store:
            inside = await _inside(store, looking.loaded)
            async with store.read() as work:
                recovery = await work.notes.get(RECOVERY)
            heads = tuple(await looking.heads(store))
            facts = seen(
                network=store.network,
                recovery=recovery,
                heads=heads,
                keeps_heads=looking.loaded.head != HeadSettings(),
            )
            return StoreSeen(facts=facts, inside=inside)
    except PassphraseMissingError as trouble:
        return StoreSeen(facts=seen(trouble=str(trouble)), inside=None)
    except (StoreError, WatchtowerError) as trouble:
        return StoreSeen(facts=seen(trouble=str(trouble)), inside=None)


@asynccontextmanager
async def _opened(path: Path, by: _EveryWay, driver: Driver) -> AsyncIterator[Store]:
    store = await Store.open(path, by, driver=driver, keeps_old=False)
    try:
        yield store
    finally:
        await store.close()


async def _inside(store: Store, loaded: Settings) -> Inside:
    cards = [(card, await _why_silent(store, card)) for card in await Vault(store).cards()]
    async with store.read() as work:
        presigned = await work.bundles.load_all()
        status = await work.notes.get(STATUS_NOTE)
        cursor = await work.cursor.get()
        tokens = await work.tokens.load_all()
        accounts = {a: await work.notes.get(ACCOUNT_NOTE + a) for a in loaded.addresses}
    tickets: dict[tuple[Address, str], set[int]] = {}
    for one in presigned:
        tickets.setdefault((one.account, one.signing_key), set()).add(one.ticket)
    ahead = tuple(
        Stand(
            account=account,
            right=Right.PRESIGNED,
            public_key=key,
            where=Where.AHEAD,
            tickets=frozenset(numbers),
        )
        for (account, key), numbers in tickets.items()
    )
    return Inside(
        cursor=cursor,
        status=status,
        cards=tuple(cards),
        ahead=ahead,
        tokens=tuple(tokens),
        accounts={account: note for account, note in accounts.items() if note is not None},
    )


def probe(account: Address, public_key: str, network_id: int) -> dict[str, Any]:
    """Return an unsigned claim that no network would apply: on no channel, and long over."""
    return with_common_fields(
        {
            "TransactionType": "PaymentChannelClaim",
            "Account": account,
            "Channel": NOWHERE,
            "SigningPubKey": public_key,
        },
        fee=Drops(10),
        seat=Seat(1, is_ticket=False),
        last_ledger=LedgerIndex(1),
        network_id=network_id,
    )


async def _why_silent(store: Store, card: KeyCard) -> str | None:
    """Return why a key does not sign; None if it does. What it signs goes nowhere."""
    if card.standing is Standing.FORMER:
        return None  # it must not sign, and nobody asks it to
    accepts: Callable[[Address, str], bool] = lambda _account, key: key == card.public_key  # noqa: E731
    try:
        key = await Vault(
            store, accepts=accepts, right=right_of(card.account, card.public_key)
        ).key_of(card.account)
        fields = probe(card.account, card.public_key, store.network or 0)
        signature = await key.sign(codec_of(fields).to_sign(fields))
    except (WatchtowerError, ValueError) as trouble:
        return str(trouble)
    signed = with_signature(fields, public_key=key.public_key, signature=signature.hex().upper())
    if key.public_key != card.public_key or signed is None:
        return "its signature does not verify with its public key."
    return None
