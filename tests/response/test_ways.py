"""What it costs to have another sign: several signatures, no queue, somebody else's money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core.binarycodec import decode

from tests.response.attempts import OTHER, PAYEE, attempt, owed
from tests.response.stage import OTHER as TOWER
from tests.response.stage import PAYEE as PERSON
from tests.response.stage import Stage, Word, hands_of, master_hand, used
from tests.response.test_plan import BUSY, QUIET, TERMS, XRP, redeemed
from watchtower.errors import KeyMissingError, SigningError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.signer import Signer
from watchtower.response.bidding import Bidder, Refusal, Wish
from watchtower.response.market import Market
from watchtower.response.plan import Leave, Redeem, plan
from watchtower.response.way import Way
from watchtower.units import Address, Drops

LEVEL = 256
THREE = Way(fee_units=4, by="signer_list")
DELEGATE = Way(may_queue=False, fee_payer=OTHER, by="delegated")

markets = st.builds(
    Market,
    base=st.integers(10, 50).map(Drops),
    open_ledger=st.integers(10, 100_000).map(Drops),
    queue=st.integers(0, 5_000).map(Drops),
    size=st.integers(0, 400),
    expected=st.integers(32, 256),
    median_level=st.integers(128_000, 1_000_000),
)
wishes = st.builds(
    Wish,
    account=st.just(PAYEE),
    at_stake=st.integers(1_000, 100 * XRP).map(Drops),
    left=st.one_of(st.none(), st.integers(0, 300)),
    is_due=st.booleans(),
)


@given(market=markets, units=st.integers(1, 33), before=st.integers(0, 300))
def test_a_price_is_so_many_times_as_high_and_never_below_what_the_ledger_asks(
    market: Market, units: int, before: int
) -> None:
    """Levels are compared, not drops: paid in parts of the transaction's own base fee."""
    times = market.times(units)

    assert times.base == units * market.base
    assert times.to_queue == units * market.to_queue
    assert units * market.price(before) - units * 2 <= times.price(before)
    assert times.price(before) <= units * market.price(before)
    # The level that is paid reaches the one that the curve asks for at that size.
    size = market.size + before
    if size > market.expected:
        asked = market.median_level * size * size // market.expected**2
        assert times.price(before) * LEVEL // times.base >= asked


@given(market=markets, wish=wishes, units=st.integers(1, 33))
def test_a_bid_for_several_signatures_is_above_their_base_fees_or_is_none(
    market: Market, wish: Wish, units: int
) -> None:
    """Below them every server refuses it; and never above what the operator allows."""
    bids = Bidder(market, TERMS.policy, allowance={}, waiting=(), queued=())
    fee = bids.bid(replace(wish, way=Way(fee_units=units)))

    if isinstance(fee, Refusal):
        return
    assert units * market.base <= fee <= TERMS.policy.cap


@given(market=markets, wish=wishes, crowd=st.integers(0, 30), count=st.integers(1, 20))
def test_what_is_not_queued_enters_the_open_ledger_at_its_price_or_waits(
    market: Market, wish: Wish, crowd: int, count: int
) -> None:
    """A fee for the queue would buy nothing. The last ledgers alone give whatever may be had."""
    bids = Bidder(market, TERMS.policy, allowance={}, waiting=(), queued=(), crowd=crowd)
    wish = replace(wish, way=DELEGATE)
    for entered in range(count):
        fee = bids.bid(wish)
        if isinstance(fee, Refusal) or wish.is_urgent:
            return
        assert fee >= market.price(entered)


def test_ten_that_could_be_queued_wait_where_nothing_is_queued() -> None:
    """The room at the base fee is used, and then the next ledger is waited for."""
    bids = Bidder(BUSY, TERMS.policy, allowance={}, waiting=(), queued=())
    calm = Wish(account=PAYEE, at_stake=Drops(XRP), left=200)

    assert bids.bid(replace(calm, way=DELEGATE)) is Refusal.DEAR
    assert bids.bid(calm) == 10


@given(
    wanted=st.lists(st.tuples(st.booleans(), wishes), max_size=30),
    allowed=st.integers(0, 3 * XRP),
    purse=st.one_of(st.none(), st.integers(0, 3 * XRP)),
)
def test_whoever_pays_for_others_pays_for_all_of_them_together(
    wanted: list[tuple[bool, Wish]], allowed: int, purse: int | None
) -> None:
    """No more than a day's fees, and than it has; and nobody else's allowance is touched by it."""
    purses = {} if purse is None else {OTHER: Drops(purse)}
    bids = Bidder(
        BUSY,
        TERMS.policy,
        allowance={OTHER: Drops(allowed)},
        purses=purses,
        waiting=(),
        queued=(),
    )
    paid = 0
    for is_first, wish in wanted:
        account = PAYEE if is_first else Address("rrrrrrrrrrrrrrrrrrrrBZbvji")
        fee = bids.bid(replace(wish, account=account, way=DELEGATE))
        paid += 0 if isinstance(fee, Refusal) else fee

    assert paid <= min(allowed, allowed if purse is None else purse)
    plain = Wish(account=PAYEE, at_stake=Drops(100 * XRP), left=1)
    assert bids.bid(plain) == TERMS.policy.budget(Drops(100 * XRP))


@given(before=st.integers(1, 9), now=st.integers(1, 9), fee=st.integers(1, 500))
def test_what_replaces_on_a_seat_in_another_way_has_the_higher_level(
    before: int, now: int, fee: int
) -> None:
    """More than 1.25 times the level that was paid, whatever both of them cost (TxQ.cpp:907)."""
    stuck = attempt(1, 7, fee=Drops(fee * before), fee_units=before)
    obligation = owed(1, 100 * XRP)
    (step,) = plan(
        [obligation],
        [stuck],
        replace(
            TERMS,
            market=QUIET,
            underpriced={stuck.transaction},
            ways={(PAYEE, obligation.channel): Way(fee_units=now)},
        ),
    )

    assert isinstance(step, Redeem)
    assert step.seat == stuck.seat
    level_before = stuck.fee * LEVEL // (10 * before)
    assert step.fee * LEVEL // (10 * now) > level_before + level_before * 25 // 100


def test_each_side_is_priced_by_its_own_way() -> None:
    """One channel by three signers and the tower, the next by a key."""
    obligations = [owed(1), owed(2)]
    first, second = redeemed(
        plan(obligations, [], replace(TERMS, ways={(PAYEE, obligations[0].channel): THREE}))
    )

    assert (first.fee, first.way) == (40, THREE)
    assert (second.fee, second.way) == (10, Way())


def test_what_nobody_takes_from_its_signer_is_made_anew_on_its_own_seat() -> None:
    """So that at most one of the two ever applies."""
    bad = attempt(1, 7, by="delegated")
    (step,) = plan([owed(1)], [bad], replace(TERMS, unfit={bad.transaction}))

    assert isinstance(step, Redeem)
    assert step.seat == bad.seat


def test_dust_is_told_by_the_price_of_all_signatures() -> None:
    """What pays for one signature may not pay for four."""
    obligation = owed(1, 50)
    (step,) = plan([obligation], [], replace(TERMS, ways={(PAYEE, obligation.channel): THREE}))

    assert isinstance(step, Leave)
    assert (step.why, step.fee_asked) == (Refusal.DUST, 40)
    assert isinstance(plan([obligation], [], TERMS)[0], Redeem)
    assert QUIET.times(1) == QUIET


@dataclass
class OtherHand:
    """A hand of another right that signs with the payee's master key, in its own way."""

    signer: Signer
    right: Right
    how: Way | None
    fails: SigningError | None = None
    asked: int = 0

    def way(self, _account: Address) -> Way | None:
        """Return its way."""
        return self.how

    def why_idle(self, account: Address) -> SigningError:
        """Say that there is no key."""
        return KeyMissingError(account=account)

    async def sign(self, transaction: Any) -> Any:
        """Sign, or fail as told."""
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return await self.signer.sign(transaction)

    async def sign_each(self, transactions: Any) -> Any:
        """Sign one after the other."""
        for transaction in transactions:
            yield await self.sign(transaction)


def other_hand(
    stage: Stage, how: Way, *, fails: SigningError | None = None, right: Right = Right.SIGNER_LIST
) -> OtherHand:
    """Another hand for the payee of a stage."""
    return OtherHand(master_hand(stage.store, [PERSON.address]), right, how, fails)


@pytest.mark.parametrize(
    "why", [KeyMissingError(account=PERSON.address), SigningRefusedError(why="no")]
)
async def test_where_a_hand_fails_the_next_signs_in_the_same_pass_at_its_own_price(
    stage: Stage, why: SigningError
) -> None:
    """Nothing is given up, and nothing paid for signatures that nobody gives."""
    first = other_hand(stage, Way(fee_units=3), fails=why)
    hands = hands_of(first, master_hand(stage.store, [PERSON.address]))
    for number in (1, 2, 3):
        stage.owe(number)

    response = await stage.another(hands=hands).respond()

    assert [(a.fee, a.fee_units, a.by) for a in response.sent] == [(10, 1, "master_key")] * 3
    assert response.unsigned == ()


async def test_an_attempt_knows_how_it_was_signed_also_after_a_restart(stage: Stage) -> None:
    """Its price is compared with others', and its payer's day counted, by the next process too."""
    how = Way(fee_units=3, fee_payer=TOWER.address, may_queue=False)
    stage.owe(1)

    (sent,) = (await stage.another(hands=hands_of(other_hand(stage, how))).respond()).sent

    assert (sent.fee, sent.fee_units, sent.fee_payer) == (30, 3, TOWER.address)
    assert sent.by == "signer_list"
    assert decode(sent.blob)["Fee"] == "30"
    async with stage.store.read() as work:
        assert await work.attempts.unsettled() == [sent]


async def test_what_another_pays_counts_for_its_day_and_not_for_the_accounts(stage: Stage) -> None:
    """Both while it is on its way and when it was applied."""
    how = Way(fee_payer=TOWER.address, may_queue=False)
    stage.owe(1)
    (sent,) = (await stage.another(hands=hands_of(other_hand(stage, how))).respond()).sent

    stage.watch.learn(used(sent, "tecUNFUNDED_PAYMENT"))

    assert stage.watch.spent(TOWER.address) == sent.fee
    assert stage.watch.spent(PERSON.address) == 0


async def test_where_the_payer_of_fees_is_poor_the_next_right_redeems(stage: Stage) -> None:
    """The account pays for itself then, and nothing is left for want of another's money."""
    stage.estate(TOWER, sequence=1, balance=5)
    how = Way(fee_payer=TOWER.address, may_queue=False)
    poor = other_hand(stage, how)
    stage.owe(1)
    stage.owe(2)

    alone = await stage.another(hands=hands_of(poor)).respond()
    both = hands_of(poor, master_hand(stage.store, [PERSON.address]))
    response = await stage.another(hands=both).respond()

    assert [step.why for step in alone.left] == [Refusal.POOR] * 2
    assert [(a.by, a.fee_payer) for a in response.sent] == [("master_key", None)] * 2
    assert poor.asked == 0


async def test_what_every_server_refuses_from_its_signer_is_signed_by_the_next(
    stage: Stage,
) -> None:
    """A key that was changed behind our back: the same seat, by who may sign still."""
    stage.servers.words = [Word("tefBAD_QUORUM"), Word("tefBAD_QUORUM", server="wss://two")]
    first = other_hand(stage, Way(fee_units=3))
    responder = stage.another(hands=hands_of(first, master_hand(stage.store, [PERSON.address])))
    stage.owe(1)
    (refused,) = (await responder.respond()).sent
    await stage.until_answered()
    stage.ledger(101)

    (sent,) = (await responder.respond()).sent

    assert (refused.by, sent.by) == ("signer_list", "master_key")
    assert (sent.seat, sent.fee) == (refused.seat, 10)


async def test_one_server_that_calls_a_signer_unfit_turns_nobody_from_it(stage: Stage) -> None:
    """A liar alone does not choose by what right we sign."""
    stage.servers.words = [Word("tefBAD_QUORUM"), Word("tesSUCCESS", server="wss://two")]
    first = other_hand(stage, Way(fee_units=3))
    responder = stage.another(hands=hands_of(first, master_hand(stage.store, [PERSON.address])))
    stage.owe(1)
    await responder.respond()
    await stage.until_answered()
    for index in (101, 102, 103):
        stage.ledger(index)
        response = await responder.respond()
        await stage.until_answered()
        assert {a.by for a in response.sent} <= {"signer_list"}


async def test_with_nobody_else_what_is_refused_is_tried_on(stage: Stage) -> None:
    """No word of a server ends an obligation (rule 4)."""
    stage.servers.words = [Word("tefBAD_AUTH")]
    stage.owe(1)
    await stage.responder.respond()
    await stage.until_answered()
    for index in range(101, 112):
        stage.ledger(index)
        await stage.responder.respond()
        await stage.until_answered()

    assert any(a.last_ledger > 111 for a in stage.watch.attempts.values())


async def test_with_every_hand_failing_all_are_asked_once_a_pass(stage: Stage) -> None:
    """And what cannot be signed is told, with the last one's reason."""
    missing = KeyMissingError(account=PERSON.address)
    first = other_hand(stage, Way(fee_units=3), fails=missing)
    last = other_hand(stage, Way(), fails=missing, right=Right.REGULAR_KEY)
    responder = stage.another(hands=hands_of(first, last))
    stage.owe(1)
    stage.owe(2)

    response = await responder.respond()

    assert (first.asked, last.asked) == (1, 1)
    assert len(response.unsigned) == 2
    stage.ledger(101)
    await responder.respond()
    assert (first.asked, last.asked) == (2, 2)


async def test_tickets_are_made_by_who_can(stage: Stage) -> None:
    """A right that signs no tickets leaves them to the next, at the next one's price."""
    refuses = other_hand(stage, Way(fee_units=3), fails=SigningRefusedError(why="no tickets"))
    stage.estate(PERSON, sequence=7)
    restocker = stage.restocker(
        hands_of(refuses, master_hand(stage.store, [PERSON.address], most_tickets=4))
    )

    (made,) = await restocker.restock([PERSON.address])

    assert (made.by, made.fee) == ("master_key", 10)
