"""Claims that come together get what they would have got one after another."""

from __future__ import annotations

import asyncio
from hashlib import sha512
from pathlib import Path
from tempfile import TemporaryDirectory

from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.make import CHEAP
from watchtower.claims.decision import NotAbove, NotKept
from watchtower.claims.given import Given, KeylessClaim
from watchtower.claims.group import Group
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Guard, Sight
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
CHANNELS = [ChannelId(digit * 64) for digit in "ABC"]
KEYS = [PrivateKey(b"\1" * 32), PrivateKey(b"\2" * 32)]
NOW = RippleTime(820_540_900)
ROOM = 3
"""Claims that may wait: fewer than there are channels and keys."""

GUARDS = {
    "payee": Guard(payees=[PAYEE], policy=Policy()),
    "payer": Guard(payees=[], payers=[PAYER], policy=Policy()),
    "nobody": Guard(payees=[], policy=Policy()),
}


def signed(channel: ChannelId, drops: int, key: PrivateKey, *, good: bool = True) -> Claim:
    """A claim with a real signature, or with one over another amount."""
    digest = sha512(claim_message(channel, Drops(drops if good else drops + 1))).digest()[:32]
    return Claim(
        channel=channel,
        amount=Drops(drops),
        public_key=key.public_key.format().hex().upper(),
        signature=key.sign(digest, hasher=None).hex().upper(),
    )


def keyless(claim: Claim) -> KeylessClaim:
    """The same claim without its key, as most forms have it."""
    return KeylessClaim(channel=claim.channel, amount=claim.amount, signature=claim.signature)


def entry(channel: ChannelId, balance: int) -> ChannelEntry:
    """A channel of the first key's."""
    return ChannelEntry(
        channel=channel,
        source=PAYER,
        destination=PAYEE,
        amount=Drops(1_000),
        balance=Drops(balance),
        public_key=KEYS[0].public_key.format().hex().upper(),
        settle_delay=3600,
    )


CLAIMS = st.builds(
    signed,
    st.sampled_from(CHANNELS),
    st.integers(min_value=1, max_value=12),
    st.sampled_from(KEYS),
    good=st.sampled_from([True, True, True, False]),
)


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[Given, Sight]]:
    """Claims, each with what a server said of its channel: nothing, that it is there, or not."""
    found: list[tuple[Given, Sight]] = []
    for claim in draw(st.lists(CLAIMS | CLAIMS.map(keyless), min_size=1, max_size=12)):
        at = Position(LedgerIndex(draw(st.integers(min_value=1, max_value=4))), END_OF_LEDGER)
        said = draw(st.sampled_from(["nothing", "there", "there", "missing"]))
        fact: ChannelChanged | ChannelMissing | None = None
        if said == "there":
            balance = draw(st.sampled_from([0, 0, 5]))
            fact = ChannelChanged(entry=entry(claim.channel, balance), at=at)
        elif said == "missing":
            fact = ChannelMissing(channel=claim.channel, at=at)
        found.append((claim, Sight(fact=fact, ledger_time=NOW)))
    return found


async def remembered(store: Store) -> object:
    """Everything that a store has but for how the journal tells it."""
    async with store.read() as work:
        journal = await work.journal.load_all()
        return (
            {c.entry.channel: c for c in await work.channels.load_all()},
            {c.channel: c for c in await work.claims.load_all()},
            {(c.channel, c.public_key): c for c in await work.claims.load_pending()},
            {(e.kind, e.channel) for e in journal},
            {
                kind: sum(e.facts.get("claims", 1) for e in journal if e.kind == kind)
                for kind in ("claim_kept", "claim_pending")
            },
        )


async def both_ways(
    folder: Path, before: list[tuple[Given, Sight]], after: list[tuple[Given, Sight]], guard: Guard
) -> None:
    """Take claims together, and one by one, and compare all that can be seen of it."""
    async with (
        await Store.create(folder / "together.db", "secret", cost=CHEAP) as together,
        await Store.create(folder / "alone.db", "secret", cost=CHEAP) as alone,
    ):
        for store in (together, alone):
            for claim, sight in before:
                await Intake(store, guard, most_pending=ROOM).take(claim, sight)
        one_by_one = [
            await Intake(alone, guard, most_pending=ROOM).take(claim, sight)
            for claim, sight in after
        ]
        sights = iter(after)
        taken = await Intake(together, guard, most_pending=ROOM).take_all(
            [claim for claim, _ in after], lambda _claim: next(sights)[1]
        )
        assert list(taken.answers) == one_by_one
        assert await remembered(together) == await remembered(alone)


@settings(max_examples=60)
@given(arrivals(), arrivals(), st.sampled_from(sorted(GUARDS)))
def test_together_or_one_by_one_is_the_same(
    before: list[tuple[Given, Sight]], after: list[tuple[Given, Sight]], whom: str
) -> None:
    """Receipts, channels, best and pending claims; the journal tells it in fewer lines."""
    with TemporaryDirectory() as folder:
        asyncio.run(both_ways(Path(folder), before, after, GUARDS[whom]))


def test_a_thousand_claims_on_a_channel_are_one_record() -> None:
    """A reader that pays by the sentence costs one seal a group."""
    group = Group(guard=GUARDS["payee"])
    at = Position(LedgerIndex(9), END_OF_LEDGER)
    seen = Sight(fact=ChannelChanged(entry=entry(CHANNELS[0], 0), at=at), ledger_time=NOW)
    answers = [group.take(signed(CHANNELS[0], drops, KEYS[0]), seen) for drops in range(1, 101)]

    assert [answer.best for answer in answers] == list(range(1, 101))
    assert [(r.claim.amount, r.claims) for r in group.raised.values()] == [(100, 100)]


def test_the_second_of_two_equal_claims_is_not_above_the_first() -> None:
    """Whoever sends a claim twice in one breath is told so, as it would be later."""
    group = Group(guard=GUARDS["payee"])
    at = Position(LedgerIndex(9), END_OF_LEDGER)
    seen = Sight(fact=ChannelChanged(entry=entry(CHANNELS[0], 0), at=at), ledger_time=NOW)
    claim = signed(CHANNELS[0], 7, KEYS[0])
    first, second = group.take(claim, seen), group.take(claim, seen)

    assert first.is_stored
    assert isinstance(second.decision.kept, NotKept)
    assert isinstance(second.decision.kept.why, NotAbove)
    assert second.best == 7
