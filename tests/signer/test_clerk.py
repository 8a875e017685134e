"""The clerk signs what is on disk, counts what was signed, and forgets nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.keys.test_remote_signer import claim_of, tickets_of
from tests.signer.process import signer_settings
from tests.store import make
from watchtower.keys.next_key import fresh_key
from watchtower.keys.signer_messages import SignAnswer
from watchtower.keys.vault import Algorithm, Standing, Vault
from watchtower.ledger.events import Seat
from watchtower.response.transaction import close_transaction
from watchtower.sandbox.people import Person
from watchtower.signer.clerk import Clerk
from watchtower.store.database import Store
from watchtower.units import Address, Drops, LedgerIndex

PAYEE = Person.named("a payee at the clerk's")
PAYER = Person.named("a payer at the clerk's")
NOON = 20_000 * 86_400 + 43_200
DAY = 86_400


class Clock:
    """The host's clock, as a test wants it."""

    def __init__(self) -> None:
        """Begin at noon."""
        self.now = float(NOON)

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    """A signer's store with a payee's and a payer's key."""
    path = tmp_path / "signer.db"
    async with await Store.create(
        path, make.PASSPHRASE, cost=make.CHEAP, clock=clock, patience=0.2
    ) as opened:
        for person in (PAYEE, PAYER):
            await Vault(opened).import_seed(person.address, person.seed)
        yield opened


async def clerk_of(store: Store, clock: Clock, folder: Path, **settings: Any) -> Clerk:
    """A clerk for one payee and one payer."""
    named = {
        "payees": [PAYEE.address],
        "payers": [PAYER.address],
        "allow_closes": True,
        "fee_cap_drops": 1_000,
        "daily_cap_drops": 1_000,
        **settings,
    }
    return await Clerk.begin(store, signer_settings(folder / "signer", **named), clock=clock)


async def ask(clerk: Clerk, *transactions: dict[str, Any]) -> SignAnswer:
    """Ask, as some daemon."""
    return await clerk.sign(1, transactions, who="somebody")


def claim(number: int, fee: int = 12) -> dict[str, Any]:
    """A claim of the payee's."""
    return claim_of(number, PAYEE.address, fee)


def close(person: Person, number: int = 1) -> dict[str, Any]:
    """A close that somebody asks for."""
    return close_transaction(
        account=person.address,
        channel=make.channel_id(number),
        fee=Drops(12),
        seat=Seat(7),
        last_ledger=LedgerIndex(108),
        network_id=0,
    )


async def test_what_was_signed_is_in_the_journal_with_all_that_it_can_cost(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Hash, account, channel, amounts, fee, seat, when, and who asked."""
    clerk = await clerk_of(store, clock, tmp_path)
    answer = await ask(clerk, claim(1), tickets_of(PAYEE.address), close(PAYER))
    assert len(answer.signatures) == 3
    async with store.read() as work:
        entries = [e for e in await work.journal.load_all() if e.kind == "signed"]
    redeemed, made, closed = entries
    assert redeemed.channel == make.channel_id(1)
    assert redeemed.written == NOON * 1000
    wanted = {
        "account": PAYEE.address,
        "claim": 500,
        "target": 400,
        "fee": 12,
        "sequence": 1,
        "last_ledger": 108,
        "who": "somebody",
    }
    assert wanted.items() <= redeemed.facts.items()
    assert len(redeemed.facts["transaction"]) == 64
    assert made.facts["tickets"] == 3
    assert closed.facts["closes"] is True


async def test_nothing_leaves_that_could_not_be_written_down(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """A full disk signs nothing and costs nothing; afterwards it goes on."""
    clerk = await clerk_of(store, clock, tmp_path)
    await make.limit(store)
    wanted = [claim(number, fee=15) for number in range(1, 65)]
    answer = await ask(clerk, *wanted)
    while answer.refusal is None:
        answer = await ask(clerk, *wanted)
    assert answer.signatures == ()
    assert answer.refusal is not None
    assert answer.refusal.kind == "unable"
    await make.limit(store, 10_000)
    assert len((await ask(clerk, *wanted)).signatures) == 64


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_day_is_counted_by_its_own_clock_and_over_restarts(
    store: Store, clock: Clock, tmp_path: Path, *, restarts: bool
) -> None:
    """The next day begins at midnight, UTC; a clock set back to a day begins nothing anew."""
    clerk = await clerk_of(store, clock, tmp_path)

    async def signs(number: int, fee: int) -> bool:
        nonlocal clerk
        if restarts:
            clerk = await clerk_of(store, clock, tmp_path)
        return bool((await ask(clerk, claim(number, fee))).signatures)

    assert await signs(1, 600)
    assert not await signs(2, 500)
    assert await signs(2, 400)
    clock.now = NOON + DAY / 2 - 1
    assert not await signs(3, 1)
    clock.now += 2
    assert await signs(3, 1_000)
    assert not await signs(4, 1)
    if not restarts:
        clock.now -= 2
        assert not await signs(4, 1)
        clock.now += 2
        assert not await signs(4, 1)


async def test_so_many_a_day_and_no_more(store: Store, clock: Clock, tmp_path: Path) -> None:
    """However cheap they are, and for one seat."""
    clerk = await clerk_of(store, clock, tmp_path, daily_signatures=5)
    answer = await ask(clerk, *[claim(1, fee=10)] * 9)
    assert len(answer.signatures) == 5
    assert answer.refusal is not None
    assert "signer.daily_signatures" in answer.refusal.why


async def test_one_accounts_day_is_not_the_others(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Who uses one up leaves the other as it is."""
    clerk = await clerk_of(store, clock, tmp_path)
    assert (await ask(clerk, claim(1, fee=1_000))).signatures
    assert not (await ask(clerk, claim(2, fee=1))).signatures
    assert (await ask(clerk, close(PAYER))).signatures


async def test_closes_are_signed_for_payers_alone(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """A payee's never; a payer's, for whatever channel, since no ledger is here to ask."""
    clerk = await clerk_of(store, clock, tmp_path)
    answer = await ask(clerk, close(PAYER, 1), close(PAYER, 2), close(PAYEE))
    assert len(answer.signatures) == 2
    assert answer.refusal is not None
    assert "never signed for a payee" in answer.refusal.why
    claimed = await ask(clerk, claim_of(1, PAYER.address))
    assert claimed.refusal is not None
    assert "for a payer it signs nothing but tfClose" in claimed.refusal.why


async def test_a_key_of_nobody_in_the_settings_is_not_told(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Nor used."""
    clerk = await clerk_of(store, clock, tmp_path, payers=[], allow_closes=False)
    assert [key.account for key in await clerk.keys()] == [PAYEE.address]
    assert not (await ask(clerk, close(PAYER))).signatures


async def test_a_key_that_is_imported_meanwhile_signs(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Nobody has to restart it."""
    clerk = await clerk_of(store, clock, tmp_path)
    await Vault(store).remove(PAYEE.address)
    missing = await ask(clerk, claim(1))
    assert missing.refusal is not None
    assert missing.refusal.kind == "key_missing"
    await Vault(store).import_seed(PAYEE.address, PAYEE.seed)
    assert (await ask(clerk, claim(1))).signatures


async def test_who_asks_chooses_between_the_two_keys_of_a_rotation_and_no_others(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """A thief that names a key put aside, or of another account, gets what signs anyway."""
    clerk = await clerk_of(store, clock, tmp_path, allow_master_key=True)
    following, aside = (fresh_key(Address(PAYEE.address), Algorithm.SECP256K1) for _ in range(2))
    async with store.write() as work:
        await work.secrets.put(replace(following, standing=Standing.NEXT))
        await work.secrets.put(replace(aside, standing=Standing.FORMER))
    told = [key.public_key for key in await clerk.keys() if key.account == PAYEE.address]
    assert told == [PAYEE.public_key, following.public_key]
    for wanted, signs in (
        (None, PAYEE.public_key),
        (PAYEE.public_key, PAYEE.public_key),
        (following.public_key, following.public_key),
        (aside.public_key, PAYEE.public_key),
        (PAYER.public_key, PAYEE.public_key),
        ("", PAYEE.public_key),
    ):
        keys: dict[str, str] = {} if wanted is None else {PAYEE.address: wanted}
        answer = await clerk.sign(1, [claim(1)], who="somebody", keys=keys)
        (signed,) = answer.signatures
        assert signed.public_key == signs
