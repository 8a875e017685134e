"""The steward: who did what with a guarded account, and what of it wakes somebody up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs
from xrpl.core.keypairs import derive_classic_address

from tests.store.make import CHEAP
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice, NoticeKind
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.keys.rotation import Appointment, Rotation
from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    Fact,
    Position,
    Seat,
    SeatUsed,
)
from watchtower.response.attempt import Attempt
from watchtower.store.database import Store
from watchtower.tower.changes import Changes
from watchtower.tower.steward import Steward
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
KEY, OTHER_KEY = "02" + "A" * 64, "03" + "B" * 64
CHANNEL = ChannelId("C" * 64)
TRANSACTION = TxHash("D" * 64)
ENTRY = ChannelEntry(
    channel=CHANNEL,
    source=PAYER,
    destination=PAYEE,
    amount=Drops(100),
    balance=Drops(0),
    public_key="02" + "0" * 64,
    settle_delay=3600,
)
USED = SeatUsed(
    account=PAYEE,
    seat=Seat(7),
    transaction=TRANSACTION,
    result="tesSUCCESS",
    at=Position(LedgerIndex(9), 0),
    signed_by=KEY,
)


class Ground:
    """A steward with a real store and a real desk, and what it tells."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: list[Notice] = []
        self.watch = Watch([PAYEE], Policy(), claims=[_claim(60)])
        self.changes = Changes(None)
        desk = Desk(self, repeat_after=3600)
        self.steward = Steward(self.watch, store=store, desk=desk, changes=self.changes)
        self.steward.hold({PAYEE: (KEY,)})
        self.watch.learn(ChannelChanged(entry=ENTRY, at=Position(LedgerIndex(5), 0)))

    def tell(self, notice: Notice) -> None:
        """Keep what is told."""
        self.told.append(notice)

    async def see(self, *facts: Fact) -> dict[str, str]:
        """Have the facts learnt; return the alarms, by name, with their sentences."""
        for fact in facts:
            self.steward.learned(self.watch.learn(fact))
        await self.steward.tell_foreign()
        return {notice.alarm.name: notice.alarm.sentence for notice in self.told}

    def after_a_look(self, *keys: str) -> set[str]:
        """Have the keys of the account looked at again, if that is wanted; return the alarms."""
        if self.steward.doubted.is_set():
            doubts = self.steward.take_doubts()
            self.steward.hold({PAYEE: keys or (KEY,)})
            self.steward.conclude(doubts)
        return {notice.alarm.name for notice in self.told}


def _claim(drops: int) -> Claim:
    return Claim(channel=CHANNEL, amount=Drops(drops), public_key=ENTRY.public_key, signature="30")


def deleted(paid: int) -> ChannelDeleted:
    """The channel was closed with so much paid."""
    entry = structs.replace(ENTRY, balance=Drops(paid))
    return ChannelDeleted(entry=entry, at=USED.at, transaction=TRANSACTION)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    """A steward that holds a key, and a channel with a claim of 60 drops."""
    async with await Store.create(tmp_path / "store.db", "correct horse", cost=CHEAP) as store:
        yield Ground(store)


async def test_a_foreign_close_with_something_unpaid_is_urgent_and_names_the_key(
    ground: Ground,
) -> None:
    """A thief, or the owner by mistake, gave 60 drops back to the payer."""
    told = await ground.see(deleted(0), replace(USED, closed=(CHANNEL,)))

    assert set(told) == {"foreign_close"}
    assert "0.00006 XRP" in told["foreign_close"]
    assert "the very key" in told["foreign_close"]


async def test_a_foreign_close_is_told_though_its_channel_was_let_go_of_before(
    ground: Ground,
) -> None:
    """What one transaction did may come in two batches; a closed channel goes after the first."""
    told = await ground.see(deleted(0))
    async with ground.store.write() as work:
        await work.channels.put(ground.watch.channels[CHANNEL])
        await work.claims.raise_best(_claim(60))
    assert ground.watch.forget(CHANNEL)
    told = await ground.see(replace(USED, closed=(CHANNEL,)))

    assert set(told) == {"foreign_close"}


async def test_a_foreign_close_with_everything_paid_loses_nothing(ground: Ground) -> None:
    """The owner closed a channel of its own, after the last claim was paid."""
    told = await ground.see(deleted(60), replace(USED, closed=(CHANNEL,), signed_by=OTHER_KEY))

    assert set(told) == {"foreign_claim"}
    assert OTHER_KEY in told["foreign_claim"]


async def test_what_an_account_does_with_a_channel_from_it_is_its_own_affair(
    ground: Ground,
) -> None:
    """It is a payer there, and gives nothing of its own away by closing."""
    ground.watch = Watch([PAYEE], Policy(), payers=[PAYEE], claims=[_claim(60)])
    desk = Desk(ground, repeat_after=3600)
    ground.steward = Steward(ground.watch, store=ground.store, desk=desk, changes=ground.changes)
    own = structs.replace(ENTRY, source=PAYEE, destination=PAYER)
    ground.watch.learn(ChannelChanged(entry=own, at=Position(LedgerIndex(5), 0)))
    gone = ChannelDeleted(entry=own, at=USED.at, transaction=TRANSACTION)
    assert await ground.see(gone, replace(USED, closed=(CHANNEL,), signed_by=OTHER_KEY)) == {}


async def test_our_key_in_other_hands_is_told_and_another_key_is_not(ground: Ground) -> None:
    """What the owner does with a key of its own is the owner's business."""
    assert await ground.see(replace(USED, signed_by=OTHER_KEY, seat=Seat(6))) == {}
    assert set(await ground.see(USED)) == {"key_used_elsewhere"}


async def test_what_the_store_knows_as_an_attempt_is_ours(ground: Ground) -> None:
    """The outcome may be known already when its seat is told, or told again after a restart."""
    attempt = Attempt(
        channel=CHANNEL,
        account=PAYEE,
        seat=USED.seat,
        target=Drops(60),
        balance_before=Drops(0),
        fee=Drops(10),
        last_ledger=LedgerIndex(20),
        made_in=LedgerIndex(8),
        transaction=TRANSACTION,
        blob="00",
    )
    async with ground.store.write() as work:
        await work.attempts.put(attempt)

    assert await ground.see(replace(USED, changed=(CHANNEL,))) == {}
    assert set(await ground.see(replace(USED, transaction=TxHash("E" * 64)))) == {
        "key_used_elsewhere"
    }


async def test_a_delegate_is_called_by_its_name(ground: Ground) -> None:
    """It signs with its own key, in the account's name."""
    told = await ground.see(replace(USED, changed=(CHANNEL,), signed_by="", delegate=PAYER))
    assert f"its delegate {PAYER}" in told["foreign_claim"]


async def test_authority_is_not_lost_while_the_next_key_is_taken(ground: Ground) -> None:
    """In the middle of a rotation the ledger takes one of two; that is enough."""
    names = {PAYEE: (KEY, OTHER_KEY)}
    entry = AccountEntry(
        account=PAYEE,
        balance=Drops(10**9),
        sequence=5,
        flags=0x00100000,
        regular_key=Address(derive_classic_address(OTHER_KEY)),
    )
    await ground.see(AccountChanged(entry=entry, at=USED.at))
    assert "authority_lost" in ground.after_a_look()
    ground.told.clear()
    ground.steward.hold(names)
    assert [notice.kind for notice in ground.told] == [NoticeKind.RESOLVED]
    ground.told.clear()
    assert "authority_lost" not in await ground.see(
        AccountChanged(entry=replace(entry, sequence=6), at=Position(LedgerIndex(10), 0))
    )


async def test_a_next_key_that_was_not_heard_of_yet_is_no_lost_authority(ground: Ground) -> None:
    """A signer apart has made it, and the ledger has named it, between two rounds."""
    assert "authority_lost" not in await ground.see(_named(OTHER_KEY, at=9))
    assert "authority_lost" not in ground.after_a_look(KEY, OTHER_KEY)
    assert not ground.steward.doubted.is_set()


async def test_a_rotation_that_is_stuck_is_alarmed(ground: Ground) -> None:
    """Its next key is there, and the ledger has named a third one; the alarm ends with that."""
    ground.steward.hold({PAYEE: (KEY, OTHER_KEY)})
    third = "02" + "C" * 64
    await ground.see(_named(third, at=9))
    assert "authority_lost" in ground.after_a_look(KEY, OTHER_KEY)
    ground.told.clear()
    await ground.see(_named(OTHER_KEY, at=10))
    assert [notice.kind for notice in ground.told if notice.alarm.name == "authority_lost"] == [
        NoticeKind.RESOLVED
    ]


def _named(key: str, *, at: int) -> AccountChanged:
    """The account, whose master key is disabled, with another regular key."""
    entry = AccountEntry(
        account=PAYEE,
        balance=Drops(10**9),
        sequence=at,
        flags=0x00100000,
        regular_key=Address(derive_classic_address(key)),
    )
    return AccountChanged(entry=entry, at=Position(LedgerIndex(at), 0))


async def test_the_set_regular_key_of_a_rotation_is_not_foreign(ground: Ground) -> None:
    """It was signed with the very key that is held here, by whoever rotates it."""
    appointment = Appointment(
        transaction=TRANSACTION, blob="00", sequence=7, last_ledger=LedgerIndex(20)
    )
    rotation = Rotation(account=PAYEE, new_key=KEY, new_address=PAYEE).signed(appointment)
    used = replace(USED, kind="SetRegularKey")
    async with ground.store.write() as work:
        await work.rotations.put(rotation)
    assert await ground.see(used) == {}
    assert "key_used_elsewhere" in await ground.see(
        replace(used, seat=Seat(9), transaction=TxHash("7" * 64))
    )
