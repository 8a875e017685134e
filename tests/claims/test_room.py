"""How many claims may wait for their channel: strangers fill no disk, nor shut anybody out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.claims.test_group import CHANNELS, GUARDS, KEYS, NOW, entry, signed
from tests.store.make import CHEAP
from watchtower.claims.answer import Answer
from watchtower.claims.decision import (
    DoNotServe,
    Kept,
    NotKept,
    Pending,
    PendingFull,
    Standing,
    as_error,
)
from watchtower.claims.intake import Intake
from watchtower.claims.sight import UNSEEN, Sight
from watchtower.judgement.claim import Claim
from watchtower.ledger.events import END_OF_LEDGER, ChannelChanged, ChannelMissing, Position
from watchtower.store.database import Store
from watchtower.units import ChannelId, LedgerIndex

AT = Position(LedgerIndex(9), END_OF_LEDGER)
ROOM = 3


def strange(number: int) -> ChannelId:
    """A channel that somebody made up."""
    return ChannelId(f"{number:064X}")


def seen(channel: ChannelId) -> Sight:
    """A server told of the channel just now."""
    return Sight(fact=ChannelChanged(entry=entry(channel, 0), at=AT), ledger_time=NOW)


def is_full(answer: Answer) -> bool:
    """Whether there was no room for it, and it says so."""
    kept = answer.decision.kept
    if not (isinstance(kept, NotKept) and isinstance(kept.why, PendingFull)):
        return False
    assert answer.decision.serve == DoNotServe(reasons=(Standing.NOT_KEPT,))
    assert (answer.is_stored, answer.best, answer.held) == (False, 0, None)
    return True


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A real store, quick to open."""
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as made:
        yield made


@pytest.fixture
async def intake(store: Store) -> Intake:
    """An intake with room for three, which strangers have taken."""
    made = Intake(store, GUARDS["payee"], most_pending=ROOM)
    for number in range(ROOM):
        answer = await made.take(signed(strange(number), 5, KEYS[1]), UNSEEN)
        assert isinstance(answer.decision.kept, Pending)
    return made


async def waiting(store: Store) -> int:
    """How many claims wait."""
    async with store.read() as work:
        assert await work.claims.count_pending() == len(await work.claims.load_pending())
        return await work.claims.count_pending()


async def test_one_more_than_there_is_room_for_is_refused_and_may_come_again(
    intake: Intake, store: Store
) -> None:
    """A refusal of its own, with a sentence that says what to do; nothing is written."""
    claim = signed(CHANNELS[0], 5, KEYS[0])
    answer = await intake.take(claim, UNSEEN)
    assert is_full(answer)
    assert answer.report()["why_not_kept"] == "pending_full"
    assert "again" in str(as_error(PendingFull(channel=CHANNELS[0])))
    assert await waiting(store) == ROOM
    (asked,) = await intake.check_all([claim], lambda _claim: UNSEEN)
    assert is_full(asked)


async def test_another_key_for_a_channel_that_waits_needs_room_as_well(intake: Intake) -> None:
    """Keys are as cheap as channels."""
    assert is_full(await intake.take(signed(strange(0), 9, KEYS[0]), UNSEEN))


async def test_who_waits_already_may_raise_its_claim(intake: Intake, store: Store) -> None:
    """It takes no more room than before; the payer goes on paying."""
    answer = await intake.take(signed(strange(1), 9, KEYS[1]), UNSEEN)
    assert isinstance(answer.decision.kept, Pending)
    assert (answer.best, await waiting(store)) == (9, ROOM)


async def test_a_claim_for_a_channel_that_is_known_to_be_ours_never_waits(
    intake: Intake, store: Store
) -> None:
    """However full it is, and although nobody can tell of the channel now."""
    await intake.take(signed(CHANNELS[0], 5, KEYS[0]), seen(CHANNELS[0]))
    answer = await intake.take(signed(CHANNELS[0], 7, KEYS[0]), UNSEEN)
    assert isinstance(answer.decision.kept, Kept)
    assert await waiting(store) == ROOM


async def test_what_is_decided_makes_room(intake: Intake, store: Store) -> None:
    """The honest one that came in vain is kept when it comes again."""
    missing = Sight(fact=ChannelMissing(channel=strange(0), at=AT), ledger_time=NOW)
    taken = await intake.settle_pending(
        [signed(strange(0), 5, KEYS[1]), signed(strange(1), 5, KEYS[1])],
        lambda claim: missing if claim.channel == strange(0) else UNSEEN,
    )
    assert [answer.is_pending for answer in taken.answers] == [False, True]
    assert await waiting(store) == ROOM - 1
    async with store.read() as work:
        kinds = [entry.kind for entry in await work.journal.load_all()]
    # What goes on waiting is not told as if it had come once more.
    assert (kinds.count("claim_pending"), kinds.count("claim_refused")) == (ROOM, 1)
    answer = await intake.take(signed(CHANNELS[0], 5, KEYS[0]), UNSEEN)
    assert isinstance(answer.decision.kept, Pending)


async def test_room_is_shared_by_those_who_come_together(store: Store) -> None:
    """The first ones have it; a second claim under one name takes none."""
    intake = Intake(store, GUARDS["payee"], most_pending=2)
    claims = [
        signed(strange(0), 5, KEYS[0]),
        signed(strange(0), 6, KEYS[0]),
        signed(strange(1), 5, KEYS[0]),
        signed(strange(2), 5, KEYS[0]),
        signed(strange(1), 6, KEYS[0]),
    ]
    taken = await intake.take_all(claims, lambda _claim: UNSEEN)
    assert [is_full(answer) for answer in taken.answers] == [False, False, False, True, False]
    assert await waiting(store) == 2


async def test_a_store_that_has_more_than_there_is_room_for_lets_go_of_none(store: Store) -> None:
    """One that was filled before there was a bound, or by a restore."""
    await Intake(store, GUARDS["payee"]).take_all(
        [signed(strange(number), 5, KEYS[1]) for number in range(5)], lambda _claim: UNSEEN
    )
    intake = Intake(store, GUARDS["payee"], most_pending=ROOM)
    assert is_full(await intake.take(signed(CHANNELS[0], 5, KEYS[0]), UNSEEN))
    assert await waiting(store) == 5


def claim_of(number: int) -> Claim:
    """A claim that waits."""
    return signed(strange(number), 5, KEYS[1])


async def test_settling_many_is_one_transaction_with_a_word_for_each(store: Store) -> None:
    """Kept, refused for their key, refused for there is none; the journal has them all."""
    intake = Intake(store, GUARDS["payee"])
    mine, theirs = signed(CHANNELS[0], 5, KEYS[0]), signed(CHANNELS[0], 900, KEYS[1])
    made_up = claim_of(1)
    await intake.take_all([mine, theirs, made_up], lambda _claim: UNSEEN)
    missing = Sight(fact=ChannelMissing(channel=made_up.channel, at=AT), ledger_time=NOW)
    taken = await intake.settle_pending(
        [theirs, mine, made_up],
        lambda claim: missing if claim.channel == made_up.channel else seen(claim.channel),
    )
    assert [answer.is_stored for answer in taken.answers] == [False, True, False]
    assert [claim.amount for claim in taken.raised] == [5]
    assert [channel.entry.channel for channel in taken.opened] == [CHANNELS[0]]
    assert await waiting(store) == 0
    async with store.read() as work:
        kinds = sorted(e.kind for e in await work.journal.load_all())
    assert kinds.count("claim_refused") == 2
    assert kinds.count("claim_kept") == 1
