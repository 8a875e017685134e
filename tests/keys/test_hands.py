"""Which hand signs: configured ones alone, in their order, and the next where one fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from watchtower.errors import KeyMissingError, NoRightError, SigningError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hands
from watchtower.keys.signer import SignedTransaction
from watchtower.response.way import Way
from watchtower.units import Address, ChannelId, TxHash

ACCOUNT = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
CHANNEL, OTHER = ChannelId("A" * 64), ChannelId("B" * 64)
CLAIM = {"Account": ACCOUNT, "Channel": CHANNEL}


@dataclass
class FakeHand:
    """A hand that signs with its name, or fails as it is told."""

    right: Right
    fee_units: int | None = 1
    fails: SigningError | None = None
    signed: list[Mapping[str, Any]] = field(default_factory=list)

    def way(self, account: Address) -> Way | None:
        """One with so many units."""
        assert account == ACCOUNT
        return None if self.fee_units is None else Way(fee_units=self.fee_units)

    def why_idle(self, _account: Address) -> SigningError:
        """What it fails with."""
        return self.fails or MISSING

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Sign, or fail."""
        if self.fails is not None:
            raise self.fails
        self.signed.append(transaction)
        return SignedTransaction(blob=self.right, transaction=TxHash(""))

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other."""
        for transaction in transactions:
            yield await self.sign(transaction)


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def hands(*them: FakeHand, clock: Clock | None = None, doubted: Iterable[Right] = ()) -> Hands:
    """Hands that are all configured, in the given order."""
    doubts = set(doubted)
    return Hands(
        them,
        {ACCOUNT: [hand.right for hand in them]},
        clock=clock or Clock(),
        is_doubted=lambda _account, right: right in doubts,
    )


def by(right: Right, fee_units: int = 1) -> Way:
    """The way of a hand, as it is told."""
    return Way(fee_units=fee_units, by=right.value)


MISSING = KeyMissingError(account=ACCOUNT)
REFUSED = SigningRefusedError(why="no")


async def test_the_first_that_has_a_way_signs() -> None:
    """One without a way is passed over, and what comes later is not asked."""
    none = FakeHand(Right.DELEGATED, fee_units=None)
    first, second = FakeHand(Right.SIGNER_LIST, 3), FakeHand(Right.REGULAR_KEY)
    chosen = hands(none, first, second)

    assert chosen.way(ACCOUNT, CHANNEL) == by(Right.SIGNER_LIST, 3)
    assert (await chosen.sign(CLAIM)).blob == Right.SIGNER_LIST
    assert chosen.may_act(ACCOUNT) == (Right.SIGNER_LIST, Right.REGULAR_KEY)


async def test_who_failed_is_behind_the_others_for_a_while() -> None:
    """And then comes first again."""
    clock = Clock()
    first, second = FakeHand(Right.SIGNER_LIST, 3), FakeHand(Right.REGULAR_KEY)
    chosen = hands(first, second, clock=clock)
    chosen.way(ACCOUNT, CHANNEL)

    assert chosen.turn(ACCOUNT, CHANNEL, MISSING)
    assert chosen.way(ACCOUNT, CHANNEL) == by(Right.REGULAR_KEY)
    assert chosen.way(ACCOUNT, OTHER) == by(Right.REGULAR_KEY), (
        "the failure is the hand's, not the channel's"
    )
    clock.now += 61

    assert chosen.way(ACCOUNT, CHANNEL) == by(Right.SIGNER_LIST, 3)


async def test_a_refusal_is_about_one_channel() -> None:
    """Of the others the hand that refused stays the first."""
    chosen = hands(FakeHand(Right.SIGNER_LIST, 3), FakeHand(Right.REGULAR_KEY))
    chosen.way(ACCOUNT, CHANNEL)

    assert chosen.turn(ACCOUNT, CHANNEL, REFUSED)
    assert chosen.way(ACCOUNT, CHANNEL) == by(Right.REGULAR_KEY)
    assert chosen.way(ACCOUNT, OTHER) == by(Right.SIGNER_LIST, 3)


@pytest.mark.parametrize("why", [MISSING, REFUSED])
@given(count=st.integers(1, 4))
def test_each_is_tried_once_and_then_all_begin_anew(why: SigningError, count: int) -> None:
    """However many there are: nobody is shut out, and no pass turns for ever."""
    them = [FakeHand(right, units) for units, right in enumerate(list(Right)[:count], start=1)]
    chosen = hands(*them)
    for _ in range(3):
        tried = []
        while True:
            way = chosen.way(ACCOUNT, CHANNEL)
            assert way is not None
            tried.append(way.fee_units)
            if not chosen.turn(ACCOUNT, CHANNEL, why):
                break
        assert tried == list(range(1, count + 1))


async def test_what_was_priced_for_one_hand_is_signed_by_that_one() -> None:
    """Even where another one would be chosen now: a price for one signature buys no three."""
    clock = Clock()
    first, second = FakeHand(Right.SIGNER_LIST, 3), FakeHand(Right.REGULAR_KEY)
    chosen = hands(first, second, clock=clock)
    chosen.way(ACCOUNT, CHANNEL)
    chosen.turn(ACCOUNT, CHANNEL, MISSING)
    assert chosen.way(ACCOUNT, CHANNEL) == by(Right.REGULAR_KEY)
    clock.now += 61

    assert (await chosen.sign(CLAIM)).blob == Right.REGULAR_KEY


async def test_each_of_many_is_signed_by_its_own_hand_in_order() -> None:
    """One channel by the first, one by the second, and the first again."""
    first, second = FakeHand(Right.SIGNER_LIST, 3), FakeHand(Right.REGULAR_KEY)
    chosen = hands(first, second)
    chosen.way(ACCOUNT, CHANNEL)
    chosen.turn(ACCOUNT, CHANNEL, REFUSED)
    for channel in (CHANNEL, OTHER):
        chosen.way(ACCOUNT, channel)
    wanted = [{"Account": ACCOUNT, "Channel": channel} for channel in (OTHER, CHANNEL, OTHER)]

    signed = [one.blob async for one in chosen.sign_each(wanted)]

    assert signed == [Right.SIGNER_LIST, Right.REGULAR_KEY, Right.SIGNER_LIST]


async def test_what_the_ledger_would_refuse_comes_last_and_is_tried_all_the_same() -> None:
    """A server that says our key was changed may lie; with nobody else it is used."""
    first, second = FakeHand(Right.SIGNER_LIST, 3), FakeHand(Right.REGULAR_KEY)

    assert hands(first, second, doubted=[Right.SIGNER_LIST]).way(ACCOUNT) == by(Right.REGULAR_KEY)
    assert hands(first, doubted=[Right.SIGNER_LIST]).way(ACCOUNT) == by(Right.SIGNER_LIST, 3)


async def test_where_nobody_has_a_way_the_last_says_what_is_missing() -> None:
    """And without any configured right that is said."""
    first = FakeHand(Right.SIGNER_LIST, None, fails=REFUSED)
    last = FakeHand(Right.REGULAR_KEY, None, fails=MISSING)
    chosen = hands(first, last)

    assert chosen.way(ACCOUNT, CHANNEL) is None
    assert not chosen.turn(ACCOUNT, CHANNEL, MISSING)
    with pytest.raises(KeyMissingError):
        await chosen.sign(CLAIM)
    with pytest.raises(NoRightError, match="no right is configured"):
        await hands().sign(CLAIM)


async def test_who_had_no_way_signs_nothing_at_a_plain_keys_price() -> None:
    """A delegate that is permitted again meanwhile would sign as if the account paid the fee."""
    hand = FakeHand(Right.DELEGATED, None)
    chosen = hands(hand)
    assert chosen.way(ACCOUNT, CHANNEL) is None
    hand.fee_units = 3

    with pytest.raises(KeyMissingError):
        await chosen.sign(CLAIM)
    with pytest.raises(KeyMissingError):
        await anext(chosen.sign_each([CLAIM]))
    assert hand.signed == []
    assert chosen.way(ACCOUNT, CHANNEL) == by(Right.DELEGATED, 3)
    await chosen.sign(CLAIM)
    assert len(hand.signed) == 1


async def test_what_a_channel_was_signed_by_is_forgotten_with_it() -> None:
    """Memory grows with what is watched now, and not with all that ever was."""
    first, second = FakeHand(Right.SIGNER_LIST, 3), FakeHand(Right.REGULAR_KEY)
    chosen = hands(first, second)
    empty = memory_of(chosen)
    for number in range(1_000):
        channel = ChannelId(f"{number:064X}")
        chosen.way(ACCOUNT, channel)
        chosen.turn(ACCOUNT, channel, REFUSED)
        chosen.way(ACCOUNT, channel)
        chosen.forget(channel)
    assert memory_of(chosen) == empty


def memory_of(chosen: Hands) -> int:
    """How many things it remembers."""
    return sum(len(kept) for kept in vars(chosen).values() if isinstance(kept, dict))


async def test_nobody_for_one_account_stops_nothing_of_those_before_it() -> None:
    """Also where a hand takes up all of its transactions before it signs the first."""

    class Collecting(FakeHand):
        @override
        async def sign_each(
            self, transactions: Iterable[Mapping[str, Any]]
        ) -> AsyncIterator[SignedTransaction]:
            for transaction in list(transactions):
                yield await self.sign(transaction)

    hand = Collecting(Right.REGULAR_KEY)
    stranger = {"Account": "rStranger", "Channel": OTHER}
    signing = hands(hand).sign_each([CLAIM, CLAIM, stranger, CLAIM])
    for _ in range(2):
        assert (await anext(signing)).blob == Right.REGULAR_KEY
    with pytest.raises(NoRightError):
        await anext(signing)
    assert len(hand.signed) == 2
