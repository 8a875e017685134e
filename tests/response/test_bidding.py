"""What each attempt of one ledger pays."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.response.attempts import OTHER, PAYEE, attempt
from watchtower.response.bidding import Bidder, Refusal, Wish
from watchtower.response.fees import FeePolicy
from watchtower.response.market import Market
from watchtower.units import Drops

XRP = 1_000_000
POLICY = FeePolicy(
    share_ppm=500_000, haste_ppm=1_000, cap=Drops(1_000_000), daily_cap=Drops(20_000_000)
)
QUIET = Market(base=Drops(10), open_ledger=Drops(10), size=0, expected=5)
BUSY = Market(base=Drops(10), open_ledger=Drops(5_000), size=5, expected=5)
CALM = Wish(account=PAYEE, at_stake=Drops(XRP), left=200)


def bidder(market: Market = QUIET, policy: FeePolicy = POLICY) -> Bidder:
    """A bidder in a fresh ledger."""
    return Bidder(market, policy, allowance={}, waiting=(), queued=())


def test_room_at_the_base_fee_is_used_first_then_the_queue_then_the_rest_waits() -> None:
    """Six enter, ten are queued, and what can wait waits, each for the base fee."""
    bids = bidder()
    fees = [bids.bid(CALM) for _ in range(18)]
    assert fees == [10] * 16 + [Refusal.DEAR] * 2


def test_what_is_due_pays_the_price_of_the_open_ledger_once_the_room_is_used() -> None:
    """Each one makes the next one dearer."""
    bids = bidder()
    due = replace(CALM, is_due=True, at_stake=Drops(100 * XRP))
    fees = [bids.bid(due) for _ in range(9)]
    assert fees[:6] == [10] * 6
    dear = [fee for fee in fees[6:] if not isinstance(fee, Refusal)]
    assert len(dear) == 3
    assert min(dear) >= 5_000
    assert dear == sorted(dear)


def test_large_stake_does_not_wait_for_a_price_that_is_nothing_to_it() -> None:
    """A thousandth of what is at stake buys certainty; of one XRP that is less than the price."""
    assert bidder(BUSY).bid(replace(CALM, at_stake=Drops(10 * XRP))) == 5_500
    bids = bidder(BUSY)
    assert [bids.bid(CALM) for _ in range(11)] == [10] * 10 + [Refusal.DEAR]


def test_nobody_pays_for_haste_in_a_crowd() -> None:
    """Of eleven who wait, who goes first for money leaves a cheap place to another; due is due."""
    rich = replace(CALM, at_stake=Drops(10 * XRP))
    bids = Bidder(BUSY, POLICY, allowance={}, waiting=(), queued=(), crowd=11)
    assert [bids.bid(rich) for _ in range(11)] == [10] * 10 + [Refusal.DEAR]
    assert bids.bid(replace(rich, is_due=True)) == 5_500


def test_urgent_attempt_pays_its_budget_even_in_a_quiet_ledger() -> None:
    """With three ledgers left there is no time to find out that the base fee was not enough."""
    urgent = replace(CALM, left=1)
    assert bidder().bid(urgent) == POLICY.budget(Drops(XRP))


def test_attempt_that_has_three_ledgers_left_is_ready_for_a_ledger_of_strangers() -> None:
    """And for no more: its whole budget would be for nothing as long as another ledger comes."""
    urgent = replace(CALM, left=2, at_stake=Drops(100 * XRP))
    assert bidder().bid(urgent) == QUIET.price(1 + QUIET.expected) == 9_800
    crowded = Market(base=Drops(10), open_ledger=Drops(10), size=5, expected=5)
    assert bidder(crowded).bid(urgent) == crowded.price(6) == 28_800


def test_last_few_share_what_the_day_has_left() -> None:
    """The first may not leave the others without; the last of a crowd pay what is asked."""
    last = replace(CALM, left=1, at_stake=Drops(100 * XRP))
    few = Bidder(QUIET, POLICY, allowance={PAYEE: Drops(1_000)}, waiting=(), queued=(), crowd=4)
    assert [few.bid(last) for _ in range(4)] == [250, 187, 140, 105]
    many = Bidder(QUIET, POLICY, allowance={}, waiting=(), queued=(), crowd=11)
    assert many.bid(replace(last, is_due=True)) == 10


def test_what_cannot_get_out_of_the_queue_is_not_put_into_it() -> None:
    """It would hold up the sequences behind it."""
    bids = Bidder(BUSY, POLICY, allowance={}, waiting=(), queued=(), queue_moves=False)
    assert bids.bid(CALM) is Refusal.DEAR


def test_urgent_attempt_for_less_than_the_price_gives_all_it_may() -> None:
    """It may yet find a gap; kept back it would surely be lost."""
    urgent = replace(CALM, at_stake=Drops(1_000), left=2)
    assert bidder(BUSY).bid(urgent) == 500


def test_urgent_attempt_gives_what_the_day_has_left_where_that_is_less_than_it_may() -> None:
    """A refusal for the sake of the day's cap would leave that money unspent, and the claim."""
    urgent = replace(CALM, left=1)
    dear = replace(BUSY, open_ledger=Drops(900_000))
    bids = Bidder(dear, POLICY, allowance={PAYEE: Drops(2_500)}, waiting=(), queued=())
    assert bids.bid(urgent) == 2_500
    bids = Bidder(dear, POLICY, allowance={PAYEE: Drops(2_500)}, waiting=(), queued=(), crowd=4)
    assert bids.bid(urgent) == 625
    bids = Bidder(dear, POLICY, allowance={PAYEE: Drops(9)}, waiting=(), queued=())
    assert bids.bid(urgent) is Refusal.DAILY_CAP


def test_dust_is_left_and_taken_up_again_when_it_becomes_worth_its_fee() -> None:
    """Nobody pays ten drops to be paid ten, and more at stake makes it worth it."""
    assert bidder().bid(replace(CALM, at_stake=Drops(19))) is Refusal.DUST
    assert bidder().bid(replace(CALM, at_stake=Drops(20))) == 10


def test_no_account_spends_more_on_a_day_than_it_may() -> None:
    """And one that has spent its day's money holds up no other."""
    bids = Bidder(QUIET, POLICY, allowance={PAYEE: Drops(25)}, waiting=(), queued=())
    fees = [bids.bid(CALM) for _ in range(3)]
    assert fees == [10, 10, Refusal.DAILY_CAP]
    assert bids.bid(replace(CALM, account=OTHER)) == 10


def test_attempts_that_wait_outside_take_up_the_room_of_this_ledger() -> None:
    """They are sent again, and what is new comes on top of them."""
    waiting = [attempt(number, number) for number in range(1, 7)]
    bids = Bidder(QUIET, POLICY, allowance={}, waiting=waiting, queued=())
    assert [bids.bid(CALM) for _ in range(11)] == [10] * 10 + [Refusal.DEAR]


def test_queue_holds_ten_of_an_account_whoever_put_them_there() -> None:
    """An eleventh would be telCAN_NOT_QUEUE_FULL."""
    waiting = [attempt(number, number) for number in range(1, 10)]
    queued = {waiter.transaction for waiter in waiting}
    bids = Bidder(BUSY, POLICY, allowance={}, waiting=waiting, queued=queued)
    assert [bids.bid(CALM) for _ in range(2)] == [10, Refusal.DEAR]


def test_replacement_pays_what_the_ledger_asks_as_soon_as_that_is_worth_it() -> None:
    """A refused attempt for ten XRP goes to the open ledger's price at once."""
    ten = replace(CALM, at_stake=Drops(10 * XRP))
    assert bidder(BUSY).raise_bid(ten, Drops(10)) == 5_500
    assert bidder(BUSY).raise_bid(ten, Drops(10), asked=Drops(9_000)) == 9_000
    assert bidder(BUSY).raise_bid(CALM, Drops(10)) is Refusal.DEAR
    assert bidder().raise_bid(ten, Drops(10)) is Refusal.DEAR


def test_fee_that_every_server_refuses_goes_up_a_rung_although_the_market_asks_for_nothing() -> (
    None
):
    """A server under load asks for more than its ledger does (telINSUF_FEE_P)."""
    assert bidder().raise_bid(CALM, Drops(10), refused=True) == 13
    assert bidder().raise_bid(CALM, Drops(900), refused=True) is Refusal.DEAR


def test_replacement_is_not_made_for_less_than_a_quarter_more_or_above_the_budget() -> None:
    """The server would refuse the one, and the operator the other."""
    near = replace(CALM, at_stake=Drops(1_000), left=1)
    assert bidder().raise_bid(near, Drops(300)) == 500
    assert bidder().raise_bid(near, Drops(450)) is Refusal.DEAR


@given(
    st.lists(
        st.tuples(st.integers(1, 50 * XRP), st.none() | st.integers(0, 300), st.booleans()),
        max_size=40,
    ),
    st.integers(0, 60),
    st.integers(1, 40),
)
def test_no_bid_is_below_the_base_fee_above_the_budget_or_beyond_the_day(
    wishes: list[tuple[int, int | None, bool]], size: int, expected: int
) -> None:
    """Whatever the market, redeeming gains something, and costs what the operator allows."""
    level = 256 if size <= expected else 128_000 * size * size // expected**2
    market = Market(
        base=Drops(10), open_ledger=Drops(-(-level * 10 // 256)), size=size, expected=expected
    )
    day = Drops(100_000)
    bids = Bidder(market, POLICY, allowance={PAYEE: day}, waiting=(), queued=())
    spent = 0
    for stake, left, is_due in wishes:
        fee = bids.bid(Wish(account=PAYEE, at_stake=Drops(stake), left=left, is_due=is_due))
        if not isinstance(fee, Refusal):
            assert 10 <= fee <= POLICY.budget(Drops(stake)) < stake
            spent += fee
    assert spent <= day


def test_last_raise_takes_what_the_day_has_left_where_it_wants_more() -> None:
    """A budget that the day cannot pay for in full is no reason to stay at what gets in nowhere."""
    wish = Wish(account=PAYEE, at_stake=Drops(10_000), left=0)
    bids = Bidder(QUIET, POLICY, allowance={PAYEE: Drops(300)}, waiting=(), queued=())
    assert bids.raise_bid(wish, Drops(100)) == 400
    spent = Bidder(QUIET, POLICY, allowance={PAYEE: Drops(20)}, waiting=(), queued=())
    assert spent.raise_bid(wish, Drops(100)) is Refusal.DAILY_CAP
