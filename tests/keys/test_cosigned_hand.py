"""The hand of a signer list by itself: when it has a way, and what it says where it has too few."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.alerts.test_desk import Heard
from tests.keys.test_multisign import PAYEE, PAYER, claim
from watchtower.alerts.desk import Desk
from watchtower.errors import KeyMissingError, QuorumMissingError
from watchtower.keys.asking import CosignerPlace, TowerCosigner
from watchtower.keys.cosign_fitness import Fitness
from watchtower.keys.cosigned import CosignedHand
from watchtower.keys.share import OwnShare
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.events import SignerList
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.tower.cosigners import CosignerCare
from watchtower.units import Address, ChannelId, Drops

US, OTHER = Person.named("signer 0"), Person.named("signer 1")
BOTH = SignerList(quorum=2, signers=((US.address, 1), (OTHER.address, 1)))
CHANNELS = [ChannelId(f"{number:064X}") for number in range(1, 4)]


async def _no_root(_signer: Address) -> None:
    return None


@asynccontextmanager
async def hand_in(store: Store) -> AsyncIterator[CosignedHand]:
    """A hand whose only co-signer is away."""
    care = CosignerCare(Desk(Heard(), repeat_after=3600))
    away = TowerCosigner(
        CosignerPlace(account=OTHER.address, public_key=OTHER.public_key, url="http://127.0.0.1:1"),
        patience=2.0,
    )
    hand = CosignedHand(
        OwnShare(US.address, Vault(store)),
        [away],
        payees=[PAYEE.address],
        fee_cap=Drops(1_000),
        signers_of=lambda _: BOTH,
        fitness=Fitness(
            store=store,
            care=care,
            root_of=_no_root,
            signers_of=lambda _: BOTH,
            validated=lambda: None,
        ),
        store=store,
        care=care,
        patience=2.0,
    )
    try:
        yield hand
    finally:
        await hand.close()
        await away.close()


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
