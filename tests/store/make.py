"""Things to put into a store; what a test does not say of them does not matter to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.ledger.events import ChannelEntry, Position, Seat
from watchtower.response.attempt import Attempt, Outcome, OutcomeKind
from watchtower.response.bundle import Level, Presigned
from watchtower.store.database import Store
from watchtower.store.header import Cost
from watchtower.store.secrets import StoredKey
from watchtower.store.statements import Statement
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

PAYEE: Final = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
PAYER: Final = Address("rG31cLyErnqeVj2eomEjBZtq7PYaupGYzL")
KEY: Final = "0330E7FC9D56BB25D6893BA3F317AE5BCF33B3291BD63DB32654A313222F7FD020"
OTHER_KEY: Final = "EDA57EBBCB502C2009EFE17229E8DC865DCCB192C52D7888D624DC9EBADDB815F0"
PASSPHRASE: Final = "correct horse"
CHEAP: Final = Cost(memory_kib=8, passes=1, lanes=1)
"""The least that Argon2id takes: guessing costs nothing, and so do the tests."""


class Interruption(Exception):  # noqa: N818 - it is no error, it stands for any
    """Something goes wrong in the middle of a transaction."""


def interrupt(*, really: bool = True) -> None:
    """Go wrong."""
    if really:
        raise Interruption


def channel_id(number: int) -> ChannelId:
    """Return the id of the channel of that number."""
    return ChannelId(f"{0xC5A1D00000000000 + number:016X}" * 4)


def channel(number: int = 1, *, at: int = 100, balance: int = 0, closed: bool = False) -> Channel:
    """Return a channel as it was in ledger ``at``."""
    entry = ChannelEntry(
        channel=channel_id(number),
        source=PAYER,
        destination=PAYEE,
        amount=Drops(987_654_321),
        balance=Drops(balance),
        public_key=KEY,
        settle_delay=3600,
    )
    position = Position(LedgerIndex(at), 0)
    return Channel(entry=entry, as_of=position, closed_at=position if closed else None)


def claim(number: int = 1, amount: int = 123_456_789, key: str = KEY) -> Claim:
    """Return a claim on a channel."""
    return Claim(
        channel=channel_id(number),
        amount=Drops(amount),
        public_key=key,
        signature=f"{amount:064X}" * 2,
    )


def attempt(number: int = 1, *, seat: int = 7, blob: str = "1200", at: int = 100) -> Attempt:
    """Return an attempt without an outcome; another ``blob`` is another transaction."""
    return Attempt(
        channel=channel_id(number),
        account=PAYEE,
        seat=Seat(seat),
        target=Drops(500),
        balance_before=Drops(0),
        fee=Drops(12),
        last_ledger=LedgerIndex(at + 8),
        made_in=LedgerIndex(at),
        transaction=TxHash(blob.ljust(64, "E")),
        blob=blob,
    )


def presigned(
    number: int = 1, amount: int = 123_456_789, *, ticket: int = 5, fees: tuple[int, ...] = (12,)
) -> Presigned:
    """Return a claim that was signed ahead for one ticket."""
    return Presigned(
        account=PAYEE,
        claim=claim(number, amount),
        target=Drops(amount),
        ticket=ticket,
        signing_key=KEY,
        levels=tuple(
            Level(fee=Drops(fee), transaction=TxHash(f"{fee:064X}"), blob="1200") for fee in fees
        ),
    )


def outcome(kind: OutcomeKind = OutcomeKind.PAID, paid: int = 500) -> Outcome:
    """Return an outcome."""
    return Outcome(kind=kind, paid=Drops(paid), why="seen", ledger_index=LedgerIndex(103))


def key(account: Address = PAYEE, secret: bytes = b"\x5a" * 32) -> StoredKey:
    """Return a signing key."""
    return StoredKey(account=account, public_key=KEY, private_key=secret)


async def store(path: Path, passphrase: str = PASSPHRASE) -> Store:
    """Return a new store."""
    return await Store.create(path, passphrase, cost=CHEAP)


async def reopen(path: Path, passphrase: str = PASSPHRASE) -> Store:
    """Return the store that is there already."""
    return await Store.open(path, passphrase, cost=CHEAP, patience=0.2)


def tamper(path: Path, *statements: str) -> None:
    """Change a store's file from outside, as somebody may who has no key."""
    with closing(sqlite3.connect(path)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


def break_line(path: Path, *, from_end: int) -> None:
    """Break a line of the journal, counted from its end, so that its seal fails."""
    with closing(sqlite3.connect(path)) as file:
        changed = file.execute(
            "UPDATE journal SET sealed = zeroblob(80) "
            "WHERE row = (SELECT max(row) FROM journal) - ?",
            (from_end,),
        )
        assert changed.rowcount == 1
        file.commit()


async def limit(opened: Store, pages: int = 1) -> None:
    """Let the file grow to so many pages; fewer than there are is as many as there are."""
    async with opened._connections.writing() as connection:
        await connection.trip([Statement(f"PRAGMA max_page_count = {pages}")])


async def unplant(opened: Store) -> None:
    """Have the census say what an older format left: nothing of a tree over the journal."""
    async with opened.write() as work:
        await work._transaction.count("journal", records=0, shares=0)
        work._transaction._journal = None
