"""A key goes when nothing depends on it, or when somebody says so in so many words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.keys.conftest import SECP256K1_ACCOUNT
from tests.store import make
from watchtower.errors import KeyMissingError, KeyNeededError
from watchtower.keys.next_key import fresh_key
from watchtower.keys.retiring import dependants_of, retire
from watchtower.keys.rotation import Rotation
from watchtower.keys.vault import Algorithm, Standing, Vault
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.units import Address

ACCOUNT = make.PAYEE
TOWER = Address(Person.named("a delegate whose key goes").address)


@pytest.fixture
async def needed(store: Store) -> Store:
    """A key, and a channel on which a claim is unpaid."""
    channel, claim = make.channel(), make.claim()
    async with store.write() as work:
        await work.secrets.put(make.key())
        await work.channels.put(channel)
        await work.claims.raise_best(claim)
    return store


async def test_a_key_that_is_still_needed_stays(needed: Store) -> None:
    """One sentence with what is at stake, and nothing changed."""
    found = await dependants_of(needed, ACCOUNT, None)
    assert found.channels == 1
    assert found.at_stake > 0
    with pytest.raises(KeyNeededError, match="on 1 open channels"):
        await retire(needed, ACCOUNT, None)
    assert (await Vault(needed).key_of(ACCOUNT)).public_key == make.key().public_key
    async with needed.read() as work:
        assert await work.journal.load_all() == []


async def test_it_goes_when_somebody_says_so(needed: Store) -> None:
    """And the journal tells what was at stake."""
    done = await retire(needed, ACCOUNT, None, anyway=True)
    assert await Vault(needed).cards() == []
    async with needed.read() as work:
        (entry,) = await work.journal.load_all()
    assert entry.kind == "key_retired"
    assert entry.facts["at_stake"] == done.at_stake
    with pytest.raises(KeyMissingError):
        await retire(needed, ACCOUNT, None, anyway=True)


async def test_no_key_of_a_rotation_goes(needed: Store) -> None:
    """Neither the one that signs nor the next one, whatever is said: it is given up by itself."""
    new = fresh_key(ACCOUNT, Algorithm.SECP256K1)
    async with needed.write() as work:
        await work.rotations.put(
            Rotation(account=ACCOUNT, new_key=new.public_key, new_address=Address("rNew"))
        )
    with pytest.raises(KeyNeededError, match="rotation is under way"):
        await retire(needed, ACCOUNT, None, anyway=True)
    with pytest.raises(KeyNeededError, match="rotation is under way"):
        await Vault(needed).remove(ACCOUNT)
    assert len(await Vault(needed).cards()) == 1


async def test_a_former_key_goes_although_something_is_at_stake(needed: Store) -> None:
    """It signs no more, so nothing depends on it; the other one stays."""
    former = fresh_key(ACCOUNT, Algorithm.ED25519)
    async with needed.write() as work:
        await work.secrets.put(replace(former, standing=Standing.FORMER))
    await retire(needed, ACCOUNT, former.public_key)
    cards = await Vault(needed).cards()
    assert [(card.public_key, card.standing) for card in cards] == [
        (make.key().public_key, Standing.SIGNS)
    ]


async def test_a_key_that_is_not_there_is_said(store: Store) -> None:
    """Whether the account has none, or another one."""
    for public_key in (None, make.KEY):
        with pytest.raises(KeyMissingError):
            await dependants_of(store, SECP256K1_ACCOUNT, public_key)


async def test_the_key_of_a_delegate_or_a_signer_is_needed_by_those_it_signs_for(
    needed: Store,
) -> None:
    """Its own account has no channel; what is at stake is that of the payees."""
    async with needed.write() as work:
        await work.secrets.put(replace(make.key(), account=TOWER))
    own = await dependants_of(needed, TOWER, None)
    assert (own.channels, own.at_stake) == (0, 0)
    found = await dependants_of(needed, TOWER, None, signs_for=[ACCOUNT])
    assert found.channels == 1
    assert found.at_stake > 0
    with pytest.raises(KeyNeededError, match="on 1 open channels"):
        await retire(needed, TOWER, None, signs_for=[ACCOUNT])
