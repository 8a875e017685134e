"""The hand of a signer list by itself: when it has a way, and what it says where it has too few."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.alerts.test_desk import Heard
from tests.keys.test_multisign import PAYEE, PAYER, claim, signed_by
from watchtower.alerts.desk import Desk
from watchtower.errors import KeyMissingError, QuorumMissingError, SigningRefusedError
from watchtower.keys.asking import CosignerPlace, TowerCosigner
from watchtower.keys.cosign_fitness import Fitness
from watchtower.keys.cosign_surroundings import Cosigner
from watchtower.keys.cosigned import CosignedHand
from watchtower.keys.multisign import signers_in
from watchtower.keys.share import OwnShare
from watchtower.keys.told import Answered, Away, Told
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.events import SignerList
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.tower.cosigners import CosignerCare
from watchtower.units import Address, ChannelId, Drops

US, OTHER, THIRD = (Person.named(f"signer {number}") for number in range(3))
BOTH = SignerList(quorum=2, signers=((US.address, 1), (OTHER.address, 1)))
TWO_OF_THREE = SignerList(
    quorum=2, signers=((US.address, 1), (OTHER.address, 1), (THIRD.address, 1))
)
CHANNELS = [ChannelId(f"{number:064X}") for number in range(1, 4)]


async def _no_root(_signer: Address) -> None:
    return None


@dataclass
class Peer:
    """Another tower, that signs, refuses, is away, or hangs, as it is told."""

    person: Person
    mood: str = "signs"
    asked: list[int] = field(default_factory=list)
    recovers: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def account(self) -> Address:
        """Who it is in the signer list."""
        return self.person.address

    async def ask(self, transactions: Sequence[Mapping[str, Any]]) -> Told:
        """Answer for each transaction."""
        self.asked.append(len(transactions))
        if self.mood == "hangs":
            await self.recovers.wait()
        if self.mood == "is away":
            return Away("nobody is there")
        if self.mood == "refuses":
            return Answered(tuple("it knows of no such claim" for _ in transactions))
        return Answered(tuple(signed_by(self.person, one) for one in transactions))


def hand_of(
    store: Store, cosigners: Sequence[Cosigner], signers: SignerList, *, patience: float
) -> CosignedHand:
    """A hand that asks ``cosigners``, for an account with this signer list."""
    care = CosignerCare(Desk(Heard(), repeat_after=3600))
    return CosignedHand(
        OwnShare(US.address, Vault(store)),
        cosigners,
        payees=[PAYEE.address],
        fee_cap=Drops(1_000),
        signers_of=lambda _: signers,
        fitness=Fitness(
            store=store,
            care=care,
            root_of=_no_root,
            signers_of=lambda _: signers,
            validated=lambda: None,
        ),
        store=store,
        care=care,
        patience=patience,
    )


@asynccontextmanager
async def hand_in(store: Store) -> AsyncIterator[CosignedHand]:
    """A hand whose only co-signer is away."""
    away = TowerCosigner(
        CosignerPlace(account=OTHER.address, public_key=OTHER.public_key, url="http://127.0.0.1:1"),
        patience=2.0,
    )
    hand = hand_of(store, [away], BOTH, patience=2.0)
    try:
        yield hand
    finally:
        await hand.close()
        await away.close()


@asynccontextmanager
async def hand_with(store: Store, *peers: Peer) -> AsyncIterator[CosignedHand]:
    """A hand that needs one of ``peers``, and would wait for them for an hour."""
    await Vault(store).import_seed(US.address, US.seed, algorithm=Algorithm.SECP256K1)
    hand = hand_of(store, peers, TWO_OF_THREE, patience=3600.0)
    try:
        async with asyncio.timeout(30):
            yield hand
    finally:
        await hand.close()


async def asked_by(store: Store) -> list[tuple[str, ...]]:
    """Whom the journal says were asked, in order."""
    async with store.read() as work:
        entries = await work.journal.load_all()
    return [tuple(one.facts["asked"]) for one in entries if one.kind == "cosign_asked"]


def of(channel: ChannelId) -> dict[str, Any]:
    """A transaction that redeems a channel."""
    drops = Drops(int(claim()["Amount"]))
    return claim(Channel=channel, Signature=PAYER.sign_claim(channel, drops))


async def test_where_too_few_sign_it_is_said_which_channels_that_concerns(store: Store) -> None:
    """All that were asked about together, and none that nobody was asked about."""
    await Vault(store).import_seed(US.address, US.seed, algorithm=Algorithm.SECP256K1)
    async with hand_in(store) as hand:
        coming = hand.sign_each(map(of, CHANNELS))
        with pytest.raises(QuorumMissingError) as trouble:
            await anext(coming)
    assert trouble.value.facts["channels"] == tuple(CHANNELS)
    assert trouble.value.facts["account"] == PAYEE.address


async def test_without_a_key_of_our_own_there_is_no_way_where_we_are_needed(store: Store) -> None:
    """It is known before anything is planned for it, and comes back with the key."""
    async with hand_in(store) as hand:
        assert hand.way(PAYEE.address) is not None
        hand.hold({US.address: ()})
        assert hand.way(PAYEE.address) is None
        with pytest.raises(KeyMissingError):
            await hand.sign(of(CHANNELS[0]))
        hand.hold({US.address: [US.public_key]})
        assert hand.way(PAYEE.address) is not None


async def test_who_is_aside_is_asked_once_the_others_leave_it_undone(store: Store) -> None:
    """Whoever failed once may be well again, and the only one that does not refuse."""
    other, third = Peer(OTHER, "is away"), Peer(THIRD)
    async with hand_with(store, other, third) as hand:
        await hand.sign(of(CHANNELS[0]))
        other.mood = "signs"
        # Nobody who is aside is asked where the others get it done.
        signed = await hand.sign(of(CHANNELS[0]))
        assert set(signers_in(signed.blob)) == {US.address, THIRD.address}
        assert (len(other.asked), len(third.asked)) == (1, 2)

        third.mood = "refuses"
        signed = await hand.sign(of(CHANNELS[1]))
        assert set(signers_in(signed.blob)) == {US.address, OTHER.address}
        assert (len(other.asked), len(third.asked)) == (2, 3)

        # From then on it is asked with the others.
        await hand.sign(of(CHANNELS[2]))
    both = tuple(sorted([OTHER.address, THIRD.address]))
    asked = await asked_by(store)
    assert asked == [both, (THIRD.address,), (THIRD.address,), (OTHER.address,), both]


async def test_who_is_aside_and_away_is_not_waited_for_as_long_as_others(store: Store) -> None:
    """Others' signatures are in the same question; whoever answers late is well again."""
    other, third = Peer(OTHER, "is away"), Peer(THIRD)
    async with hand_with(store, other, third) as hand:
        await hand.sign(of(CHANNELS[0]))
        other.mood, third.mood = "hangs", "refuses"
        with pytest.raises(SigningRefusedError):
            await hand.sign(of(CHANNELS[1]))
        other.mood = "signs"
        other.recovers.set()
        signed = await hand.sign(of(CHANNELS[1]))
    assert set(signers_in(signed.blob)) == {US.address, OTHER.address}


async def test_nobody_is_asked_who_could_not_get_it_done(store: Store) -> None:
    """What was refused by those without whom there is no quorum is answered at once."""
    other, third = Peer(OTHER, "is away"), Peer(THIRD)
    await Vault(store).import_seed(US.address, US.seed, algorithm=Algorithm.SECP256K1)
    weights = ((US.address, 1), (OTHER.address, 1), (THIRD.address, 2))
    signers = SignerList(quorum=3, signers=weights)
    hand = hand_of(store, [other, third], signers, patience=3600.0)
    async with asyncio.timeout(30):
        await hand.sign(of(CHANNELS[0]))
        third.mood = "refuses"
        with pytest.raises(SigningRefusedError):
            await hand.sign(of(CHANNELS[1]))
    await hand.close()
    assert (len(other.asked), len(third.asked)) == (1, 2)


async def test_that_nobody_can_be_asked_is_written_down_once(store: Store) -> None:
    """It is tried in every ledger: a long night is one line of the journal, and not a thousand."""
    await Vault(store).import_seed(US.address, US.seed, algorithm=Algorithm.SECP256K1)
    with_a_person = SignerList(quorum=2, signers=((US.address, 1), (THIRD.address, 1)))
    hand = hand_of(store, [Peer(OTHER)], with_a_person, patience=3600.0)
    better = Drops(7_000_000)
    signature = PAYER.sign_claim(CHANNELS[0], better)
    more = {"Amount": str(better), "Balance": str(better), "Signature": signature}
    # A better claim is another matter.
    for wanted, lines in (({}, 1), ({}, 1), (more, 2), (more, 2)):
        with pytest.raises(QuorumMissingError):
            await hand.sign({**of(CHANNELS[0]), **wanted})
        assert await asked_by(store) == [()] * lines
    await hand.close()
