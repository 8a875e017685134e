"""Accounts are signed for beside one another: nobody waits for the hands of somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.response.stage import OTHER, PAYEE, Stage, hands_of, master_hand
from tests.store.make import limit
from watchtower.errors import KeyMissingError, QuorumMissingError, SigningError, StoreFullError
from watchtower.keys.authority import Right
from watchtower.keys.signer import SignedTransaction, Signer
from watchtower.keys.vault import Vault
from watchtower.response.attempt import Attempt
from watchtower.response.launch import Launch, Together
from watchtower.response.way import Way
from watchtower.units import Address, ChannelId

MISSED = QuorumMissingError(account=OTHER.address, why="nobody answered")


@dataclass
class SlowHand:
    """A hand for one account, signing with its master key once it is let, or failing then."""

    signer: Signer
    account: Address
    let: asyncio.Event = field(default_factory=asyncio.Event)
    fails: SigningError | None = None
    asked: int = 0
    right: Right = Right.SIGNER_LIST

    def way(self, account: Address) -> Way | None:
        """One signature, for its own account."""
        return Way() if account == self.account else None

    def why_idle(self, account: Address) -> SigningError:
        """Say that there is no key."""
        return KeyMissingError(account=account)

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Sign when it is let."""
        self.asked += 1
        await self.let.wait()
        if self.fails is not None:
            raise self.fails
        return await self.signer.sign(transaction)

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other."""
        for transaction in transactions:
            yield await self.sign(transaction)


@dataclass
class AskingHand:
    """A hand that asks for all it is given at once, and misses the quorum for some channels."""

    signer: Signer
    missing: Collection[ChannelId]
    asked: list[ChannelId] = field(default_factory=list)
    right: Right = Right.SIGNER_LIST

    def way(self, _account: Address) -> Way | None:
        """One signature."""
        return Way()

    def why_idle(self, account: Address) -> SigningError:
        """Say that there is no key."""
        return KeyMissingError(account=account)

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Sign, or miss the quorum."""
        if transaction["Channel"] in self.missing:
            raise QuorumMissingError(account=transaction["Account"], why="nobody answered")
        return await self.signer.sign(transaction)

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Ask for all of them, and hand them out in order."""
        batch = list(transactions)
        self.asked += [transaction["Channel"] for transaction in batch]
        for transaction in batch:
            yield await self.sign(transaction)


async def test_account_whose_hand_hangs_holds_up_no_other(stage: Stage) -> None:
    """Neither in its pass nor in the next ones; it is heard when its hand has answered."""
    await Vault(stage.store).import_seed(OTHER.address, OTHER.seed)
    hand = SlowHand(master_hand(stage.store, [OTHER.address]), OTHER.address)
    responder = stage.another(hands=hands_of(hand, master_hand(stage.store, [PAYEE.address])))
    late = asyncio.Event()
    responder.tell_late(late.set)
    # The larger stake goes first, so that it stands before all others.
    first = stage.owe(1, 90_000_000, payee=OTHER)
    others = {stage.owe(number) for number in range(2, 42)}
    async with asyncio.timeout(30):
        response = await responder.respond()
        assert {attempt.channel for attempt in response.sent} == others
        assert responder.busy == {OTHER.address}

        stage.ledger(101)
        more = stage.owe(50)
        response = await responder.respond()
        assert [attempt.channel for attempt in response.sent] == [more]
        assert hand.asked == 1

        hand.let.set()
        await late.wait()
        response = await responder.respond()
    assert [attempt.channel for attempt in response.sent] == [first]
    assert not responder.busy


async def test_refusal_that_came_late_is_told_and_the_hand_asked_again(stage: Stage) -> None:
    """Nothing is given up because nobody waited for the answer."""
    hand = SlowHand(master_hand(stage.store, [OTHER.address]), OTHER.address, fails=MISSED)
    responder = stage.another(hands=hands_of(hand))
    late = asyncio.Event()
    responder.tell_late(late.set)
    channel = stage.owe(1, payee=OTHER)
    async with asyncio.timeout(30):
        assert (await responder.respond()).unsigned == ()
        hand.let.set()
        await late.wait()
        response = await responder.respond()
    assert [(owed.channel, why) for owed, why in response.unsigned] == [(channel, MISSED)]
    assert hand.asked == 2


async def test_who_stops_while_a_hand_hangs_leaves_nothing_behind(stage: Stage) -> None:
    """A tower that ends does not wait for a token that never answers."""
    hand = SlowHand(master_hand(stage.store, [OTHER.address]), OTHER.address)
    responder = stage.another(hands=hands_of(hand))
    stage.owe(1, payee=OTHER)
    async with asyncio.timeout(30):
        await responder.respond()
        await responder.close()
    hand.let.set()
    assert not responder.busy
    assert stage.servers.sent == []


async def test_missed_quorum_is_about_what_was_asked_for_together(stage: Stage) -> None:
    """The channels behind are asked for too, in the same pass, and people for all of them."""
    channels = [stage.owe(number, 90_000_000 - number) for number in range(1, 31)]
    hand = AskingHand(master_hand(stage.store, [PAYEE.address]), channels[:3])

    response = await stage.another(hands=hands_of(hand)).respond()

    refused = [owed.channel for owed, _ in response.unsigned]
    assert refused == channels[:10]
    assert {attempt.channel for attempt in response.sent} == set(channels[10:])
    seats = sorted(attempt.seat.number for attempt in response.sent)
    assert seats == list(range(7, 27)), "an unsigned seat is a hole for all behind it"
    assert set(hand.asked) == set(channels)


async def test_what_accounts_have_ready_meanwhile_is_written_down_together(stage: Stage) -> None:
    """A hundred accounts do not take a hundred fsyncs, and all is on disk before it leaves."""
    sent = await several(stage, 4)
    told: list[int] = []
    launch = Launch(
        stage.watch,
        store=stage.store,
        submitter=stage.submitter,
        tell=lambda lines: told.append(len(list(lines))),
    )
    together = Together(launch)
    await asyncio.gather(*(together.launch([attempt]) for attempt in sent))
    assert told == [1, 3], "the first, and those that came while it was written"


async def test_store_that_is_full_is_told_to_each_that_waited_for_it(stage: Stage) -> None:
    """Whoever shared the write must not take its attempt for one that is on disk."""
    sent = await several(stage, 3)
    await limit(stage.store)
    together = Together(Launch(stage.watch, store=stage.store, submitter=stage.submitter))
    failed = await asyncio.gather(
        *(together.launch(each) for each in ([sent[0]], sent * 2_000, [sent[1]])),
        return_exceptions=True,
    )
    assert [type(each) for each in failed[1:]] == [StoreFullError] * 2


async def several(stage: Stage, count: int) -> list[Attempt]:
    """So many attempts."""
    for number in range(1, count + 1):
        stage.owe(number)
    return list((await stage.responder.respond()).sent)
