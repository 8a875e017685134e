"""Claims on their way into a real store: the two answers, given once they are on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey

from tests.store.make import CHEAP, limit
from watchtower.claims.decision import DoNotServe, Kept, NotAbove, NotKept, Pending, Serve
from watchtower.claims.given import Given
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Guard, Sight
from watchtower.errors import StoreFullError
from watchtower.judgement.claim import Claim, claim_message
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelEntry,
    ChannelMissing,
    Position,
)
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
CHANNEL = ChannelId("5" * 64)
KEY, STRANGER = PrivateKey(b"\1" * 32), PrivateKey(b"\2" * 32)
NOW = RippleTime(820_540_900)


def signed(drops: int, key: PrivateKey = KEY) -> Claim:
    """A claim with a real signature."""
    digest = sha512(claim_message(CHANNEL, Drops(drops))).digest()[:32]
    return Claim(
        channel=CHANNEL,
        amount=Drops(drops),
        public_key=key.public_key.format().hex().upper(),
        signature=key.sign(digest, hasher=None).hex().upper(),
    )


def seen(*, balance: int = 0, destination: Address = PAYEE) -> Sight:
    """A server told of the channel just now."""
    entry = ChannelEntry(
        channel=CHANNEL,
        source=PAYER,
        destination=destination,
        amount=Drops(1_000),
        balance=Drops(balance),
        public_key=KEY.public_key.format().hex().upper(),
        settle_delay=3600,
    )
    at = Position(LedgerIndex(9), END_OF_LEDGER)
    return Sight(fact=ChannelChanged(entry=entry, at=at), ledger_time=NOW)


UNSEEN = Sight(fact=None, ledger_time=RippleTime(0))
MISSING = Sight(
    fact=ChannelMissing(channel=CHANNEL, at=Position(LedgerIndex(9), END_OF_LEDGER)),
    ledger_time=NOW,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A real store, quick to open."""
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as made:
        yield made


@pytest.fixture
def intake(store: Store) -> Intake:
    """Intake for one payee."""
    return Intake(store, Guard(payees=[PAYEE], policy=Policy()))


async def best_of(store: Store) -> Drops | None:
    """The best claim that is on disk."""
    async with store.read() as work:
        best = await work.claims.best(CHANNEL)
    return None if best is None else best.amount


async def test_good_claim_is_kept_and_its_channel_remembered(intake: Intake, store: Store) -> None:
    """The daemon may never have run; the claim alone makes the channel known."""
    answer = await intake.take(signed(100), seen())
    assert isinstance(answer.decision.kept, Kept)
    assert isinstance(answer.decision.serve, Serve)
    assert await best_of(store) == 100
    async with store.read() as work:
        assert await work.channels.get(CHANNEL) is not None
        kinds = [numbered.entry.kind for numbered in await work.journal.story(CHANNEL)]
    assert kinds == ["channel_opened", "claim_kept"]


async def test_lower_claim_leaves_the_best_one(intake: Intake, store: Store) -> None:
    """The best claim only grows."""
    await intake.take(signed(100), seen())
    for drops in (100, 99):
        answer = await intake.take(signed(drops), seen())
        assert isinstance(answer.decision.kept, NotKept)
        assert isinstance(answer.decision.kept.why, NotAbove)
        assert not answer.is_stored
    assert await best_of(store) == 100


async def test_claim_beyond_the_funds_is_kept_and_not_served(intake: Intake, store: Store) -> None:
    """It pays all that there is, and more once the payer adds funds."""
    answer = await intake.take(signed(5_000), seen())
    assert isinstance(answer.decision.kept, Kept)
    assert isinstance(answer.decision.serve, DoNotServe)
    assert await best_of(store) == 5_000


async def test_claim_for_another_payee_is_refused_and_nothing_is_remembered(
    intake: Intake, store: Store
) -> None:
    """Anybody could fill our store with channels of their own."""
    answer = await intake.take(signed(100), seen(destination=PAYER))
    assert answer.report()["error"] == "ClaimDestinationError"
    async with store.read() as work:
        assert await work.channels.load_all() == []
        assert await work.journal.tail(5) == []


async def test_claim_waits_while_nobody_can_tell_and_is_kept_when_somebody_does(
    intake: Intake, store: Store
) -> None:
    """No server answers: the payer's word is on disk all the same."""
    answer = await intake.take(signed(100), UNSEEN)
    assert isinstance(answer.decision.kept, Pending)
    async with store.read() as work:
        (pending,) = await work.claims.load_pending()
    (later,) = (await intake.settle_pending([pending], lambda _claim: seen())).answers
    assert isinstance(later.decision.kept, Kept)
    assert await best_of(store) == 100
    async with store.read() as work:
        assert await work.claims.load_pending() == []


async def test_strangers_pending_claim_does_not_stand_in_the_payers_way(
    intake: Intake, store: Store
) -> None:
    """A huge claim under a key of their own, while no server can tell whose channel it is."""
    await intake.take(signed(10**9, STRANGER), UNSEEN)
    answer = await intake.take(signed(100), UNSEEN)
    assert isinstance(answer.decision.kept, Pending)
    async with store.read() as work:
        pending = await work.claims.load_pending()
    for claim in pending:
        await intake.settle_pending([claim], lambda _claim: seen())
    assert await best_of(store) == 100
    async with store.read() as work:
        story = [numbered.entry.kind for numbered in await work.journal.story(CHANNEL)]
    assert story.count("claim_refused") == 1


async def test_pending_claim_of_no_channel_is_refused_once_a_server_says_so(
    intake: Intake, store: Store
) -> None:
    """What was never a channel does not wait for ever; the journal keeps the word."""
    await intake.take(signed(100), UNSEEN)
    (answer,) = (await intake.settle_pending([signed(100)], lambda _claim: MISSING)).answers
    assert answer.report()["error"] == "ClaimUnknownChannelError"
    async with store.read() as work:
        assert await work.claims.load_pending() == []
        (story,) = [n.entry for n in await work.journal.tail(1)]
    assert story.facts["amount"] == 100


async def test_claim_is_not_acknowledged_when_the_disk_refuses(
    intake: Intake, store: Store
) -> None:
    """No answer is given, and what was kept before is still there."""
    await intake.take(signed(100), seen())
    await limit(store)
    refused = False
    for drops in range(101, 400):
        try:
            await intake.take(signed(drops), seen())
        except StoreFullError:
            refused = True
            break
    assert refused
    assert await best_of(store) == drops - 1


async def test_payment_without_a_claim_sets_the_floor(intake: Intake, store: Store) -> None:
    """What the ledger has paid already is not worth keeping."""
    answer = await intake.take(signed(40), seen(balance=40))
    assert isinstance(answer.decision.kept, NotKept)
    assert await best_of(store) is None


async def test_who_follows_is_told_of_a_claim_when_it_is_on_disk(store: Store) -> None:
    """In the journal's words, and of nothing that was not kept."""
    told: list[tuple[str, int | None]] = []
    on_disk: list[int] = []

    def tell(lines: Iterable[tuple[str, object, object, Mapping[str, Any]]]) -> None:
        told.extend((kind, facts.get("amount")) for kind, _, _, facts in lines)
        with sqlite3.connect(store.path) as file:
            on_disk.append(file.execute("SELECT count(*) FROM journal").fetchone()[0] - len(told))

    def broken(_claim: Given) -> Sight:
        raise StoreFullError(path=store.path, why="made up")

    intake = Intake(store, Guard(payees=[PAYEE], policy=Policy()), tell=tell)
    await intake.take(signed(100), UNSEEN)
    await intake.take(signed(300, STRANGER), UNSEEN)
    await intake.settle_pending([signed(300, STRANGER)], lambda _claim: seen())
    await intake.settle_pending([signed(100)], lambda _claim: seen())
    await intake.take(signed(90), seen())
    with pytest.raises(StoreFullError):
        await intake.take_all([signed(200), signed(201)], broken)
    assert told == [
        ("claim_pending", 100),
        ("claim_pending", 300),
        ("channel_opened", None),
        ("claim_refused", 300),
        ("claim_kept", 100),
    ]
    assert set(on_disk) == {0}
