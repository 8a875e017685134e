"""Receipts come with what is on disk, and with nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.claims.test_door import Counting
from tests.claims.test_group import CHANNELS, GUARDS, KEYS, NOW, entry, signed
from tests.store.make import CHEAP
from watchtower.claims.answer import Answer
from watchtower.claims.given import Given
from watchtower.claims.intake import Intake
from watchtower.claims.notary import Notary
from watchtower.claims.receipt import Receipt, State, why_void
from watchtower.claims.sight import UNSEEN, Sight
from watchtower.errors import StoreFullError
from watchtower.keys.identity import Identity, find_identity, make_identity
from watchtower.ledger.events import END_OF_LEDGER, ChannelChanged, Position
from watchtower.store.database import Store
from watchtower.units import LedgerIndex


def sight_of(claim: Given, balance: int = 0) -> Sight:
    """The channel is open; what it has paid came ledgers later."""
    at = Position(LedgerIndex(9 + balance), END_OF_LEDGER)
    fact = ChannelChanged(entry=entry(claim.channel, balance), at=at)
    return Sight(fact=fact, ledger_time=NOW)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A real store, quick to open."""
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as made:
        yield made


@pytest.fixture
async def identity(store: Store) -> Identity:
    """The tower's own key."""
    return await make_identity(store)


@pytest.fixture
def intake(store: Store, identity: Identity) -> Intake:
    """Whoever takes claims, and has them signed for."""
    return Intake(store, GUARDS["payee"], Notary(lambda: 1_790_000_000.25, identity))


def proof(answer: Answer, identity: Identity) -> Receipt:
    """The receipt in an answer, which is good."""
    assert answer.receipt is not None
    assert why_void(answer.receipt, identity.public_key) is None
    assert answer.receipt.at == 1_790_000_000_250
    return answer.receipt


async def test_a_group_has_a_receipt_for_each_claim(
    intake: Intake, identity: Identity, store: Store
) -> None:
    """Each stands alone, all are of one signature, and what each is for is on disk."""
    claims = [signed(CHANNELS[number % 3], number + 1, KEYS[0]) for number in range(7)]
    taken = await intake.take_all(claims, sight_of)
    proofs = [proof(answer, identity) for answer in taken.answers]

    # Of three claims on a channel the highest is written, and is good for all of them.
    assert [one.channel for one in proofs] == [claim.channel for claim in claims]
    assert [one.amount for one in proofs] == [7, 5, 6, 7, 5, 6, 7]
    async with store.read() as work:
        best = await work.claims.find(CHANNELS[:3])
    assert {(one.channel, one.amount) for one in proofs} == {
        (name, claim.amount) for name, claim in best.items()
    }
    assert len({one.signature for one in proofs}) == 1
    assert {one.size for one in proofs} == {3}
    assert {one.state for one in proofs} == {State.KEPT}


async def test_who_asks_again_gets_a_receipt_for_what_is_held(
    intake: Intake, identity: Identity
) -> None:
    """An answer that was lost on its way is no reason to have no proof."""
    await intake.take(signed(CHANNELS[0], 9, KEYS[0]), sight_of(signed(CHANNELS[0], 9, KEYS[0])))
    for drops in (9, 4):
        again = signed(CHANNELS[0], drops, KEYS[0])
        assert proof(await intake.take(again, sight_of(again)), identity).amount == 9


async def test_a_claim_that_waits_for_its_channel_says_so(
    intake: Intake, identity: Identity
) -> None:
    """It is on disk, and more is not promised."""
    claims = [signed(CHANNELS[0], drops, KEYS[0]) for drops in (2, 3)]
    for _ in range(2):
        taken = await intake.take_all(claims, lambda _: UNSEEN)
        proofs = [proof(answer, identity) for answer in taken.answers]
        assert [(one.state, one.amount) for one in proofs] == [(State.PENDING, 3)] * 2


async def test_nothing_is_signed_for_what_is_not_held(intake: Intake) -> None:
    """A wrong signature above or below what is held, and a claim that the ledger has paid."""
    for name in CHANNELS[:2]:
        held = signed(name, 2, KEYS[0])
        await intake.take(held, sight_of(held))
    for drops in (1, 3):
        bad = replace(signed(CHANNELS[0], drops, KEYS[0]), signature="30" * 70)
        assert (await intake.take(bad, sight_of(bad))).receipt is None
    paid = signed(CHANNELS[1], 3, KEYS[0])
    assert (await intake.take(paid, sight_of(paid, balance=5))).receipt is None


async def test_what_is_signed_is_on_disk(store: Store, identity: Identity) -> None:
    """The notary is asked behind the commit: one that fails leaves nobody with a receipt."""
    asked: list[bytes] = []

    class Watched:
        public_key = identity.public_key

        def sign(self, message: bytes) -> bytes:
            asked.append(message)
            return identity.sign(message)

    disk = Counting(store)
    intake = Intake(disk, GUARDS["payee"], Notary(lambda: 0.0, Watched()))
    claim = signed(CHANNELS[0], 3, KEYS[0])
    disk.is_full = True
    with pytest.raises(StoreFullError):
        await intake.take(claim, sight_of(claim))
    assert asked == []
    disk.is_full = False
    await intake.take(claim, sight_of(claim))
    assert len(asked) == 1


async def test_the_key_is_made_once_and_shown_nowhere(store: Store) -> None:
    """A second key would make the first one's receipts worthless."""
    assert await find_identity(store) is None
    made = await make_identity(store)
    again = await make_identity(store)
    found = await find_identity(store)

    assert found is not None
    assert made.public_key == again.public_key == found.public_key
    assert made.sign(b"x") == found.sign(b"x")
    async with store.read() as work:
        (stored,) = await work.secrets.load_all()
    assert stored.private_key.hex() not in repr(made) + repr(stored)
