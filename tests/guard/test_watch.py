"""All that is guarded, in memory: what facts, claims, time and outcomes do to it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.judgement.verdict import Closed, Expired, Settled, Threatened, Watching
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AccountChanged,
    AccountEntry,
    AccountMissing,
    AmendmentsRead,
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    ChannelMissing,
    LedgerClosed,
    Position,
    Seat,
    SeatUsed,
)
from watchtower.response.attempt import Attempt, OutcomeKind
from watchtower.response.obligation import Obligation
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
PAYER = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")
START = 820_540_801
OWN = TxHash("A" * 64)


def entry(number: int = 1, **changes: object) -> ChannelEntry:
    """An open channel of 100 XRP from the payer to the payee, one hour of settle delay."""
    made = ChannelEntry(
        channel=ChannelId(f"{number:064X}"),
        source=PAYER,
        destination=PAYEE,
        amount=Drops(100_000_000),
        balance=Drops(0),
        public_key="02" + "0" * 64,
        settle_delay=3600,
    )
    return structs.replace(made, **changes)


def changed(at: int, found: ChannelEntry, transaction: TxHash | None = None) -> ChannelChanged:
    """The channel was seen in ledger ``at``."""
    place = Position(LedgerIndex(at), 0 if transaction else END_OF_LEDGER)
    return ChannelChanged(entry=found, at=place, transaction=transaction, paid=found.balance)


def claim(drops: int, number: int = 1) -> Claim:
    """A best claim as the store hands it over."""
    return Claim(
        channel=ChannelId(f"{number:064X}"),
        amount=Drops(drops),
        public_key="02" + "0" * 64,
        signature="30",
    )


def closed(index: int, time: int | None = None) -> LedgerClosed:
    """Ledger ``index``, four seconds after its parent."""
    return LedgerClosed(
        ledger_index=LedgerIndex(index),
        ledger_hash=f"{index:064X}",
        close_time=RippleTime(START + 4 * index if time is None else time),
        base_fee=Drops(10),
        reserve_base=Drops(1_000_000),
        reserve_increment=Drops(200_000),
    )


def watching(*facts: ChannelChanged, policy: Policy | None = None, at: int = 10) -> Watch:
    """A watch in ledger ``at`` that has learnt ``facts`` and judged them."""
    watch = Watch([PAYEE], policy or Policy())
    watch.ledger_closed(closed(at))
    for fact in facts:
        watch.learn(fact)
    watch.judge()
    return watch


def attempt(**changes: object) -> Attempt:
    """An attempt for channel 1, up to 30 XRP."""
    made = Attempt(
        channel=ChannelId(f"{1:064X}"),
        account=PAYEE,
        seat=Seat(7),
        target=Drops(30_000_000),
        balance_before=Drops(0),
        fee=Drops(10),
        last_ledger=LedgerIndex(18),
        made_in=LedgerIndex(10),
        transaction=OWN,
        blob="00",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of the attempt


def test_channel_of_another_destination_is_none_of_our_business() -> None:
    """A source's own outbound channels come over the same subscription."""
    watch = watching(changed(9, entry(destination=PAYER, source=PAYEE)))
    assert not watch.channels


def test_close_request_owes_the_best_claim_whatever_transaction_made_it() -> None:
    """An expiration in the state is enough; who set it, and how, does not matter."""
    watch = watching(changed(9, entry()))
    watch.raise_best(claim(30_000_000))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Watching)
    assert watch.obligations() == ()
    watch.learn(changed(10, entry(expiration=RippleTime(START + 4000))))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Threatened)
    (owed,) = watch.obligations()
    assert (owed.target, owed.at_stake, owed.account) == (30_000_000, 30_000_000, PAYEE)


def test_claim_above_the_funds_is_owed_up_to_the_funds_and_wakes_when_more_come() -> None:
    """A payer that adds funds to a closing channel makes the rest of its word worth something."""
    closing = entry(expiration=RippleTime(START + 4000), balance=Drops(100_000_000))
    watch = watching(changed(9, closing))
    watch.raise_best(claim(150_000_000))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Settled)
    watch.learn(changed(10, structs.replace(closing, amount=Drops(120_000_000))))
    watch.judge()
    (owed,) = watch.obligations()
    assert owed.target == 120_000_000


def test_renewal_ends_the_obligation_and_a_second_close_brings_it_back() -> None:
    """Close, renew, close again: the watch survives (a tower that forgets on the first event)."""
    closing = entry(expiration=RippleTime(START + 4000))
    watch = watching(changed(9, closing))
    watch.raise_best(claim(30_000_000))
    for at, state, owed in ((10, entry(), 0), (11, closing, 1)):
        watch.learn(changed(at, state))
        watch.judge()
        assert len(watch.obligations()) == owed


def test_better_claim_on_a_closing_channel_raises_what_is_owed() -> None:
    """The payer may go on signing while it closes."""
    watch = watching(changed(9, entry(expiration=RippleTime(START + 4000))))
    for drops in (30_000_000, 40_000_000, 35_000_000):
        watch.raise_best(claim(drops))
    watch.judge()
    (owed,) = watch.obligations()
    assert owed.target == 40_000_000


def test_quiet_ledger_judges_nothing() -> None:
    """The cost of a ledger grows with what changed, not with what is watched."""
    watch = watching(*(changed(9, entry(number)) for number in range(1, 50)))
    watch.ledger_closed(closed(11))
    assert watch.judge() == ()


def test_threatened_channel_stays_owed_and_is_judged_again_when_time_runs_out() -> None:
    """Ten thousand that wait for their turn cost nothing in a ledger that touches none of them."""
    watch = watching(changed(9, entry(expiration=RippleTime(START + 4000))))
    watch.raise_best(claim(1))
    verdicts = []
    # Its window is 3480 s: less than a tenth of it is left 347 s before the deadline.
    times = (44, 1_000, 3_533, 3_600, 3_999, 4_001)
    for index, time in enumerate((START + passed for passed in times), start=11):
        watch.ledger_closed(closed(index, time))
        verdicts += [(index, type(judgement.verdict)) for judgement in watch.judge()]
        assert len(watch.obligations()) == 1
    assert verdicts == [(11, Threatened), (13, Threatened), (16, Expired)]


def test_end_that_one_server_alone_has_told_is_looked_at_until_it_is_confirmed() -> None:
    """Until then it goes on being redeemed, and nothing else would wake it."""
    watch = watching(changed(9, entry(expiration=RippleTime(START + 4000))))
    watch.raise_best(claim(1))
    watch.judge()
    verdicts = []
    for index, time, confirmed in (
        (11, START + 4_001, False),
        (12, START + 4_005, False),
        (13, START + 4_009, True),
    ):
        watch.ledger_closed(replace(closed(index, time), confirmed=confirmed))
        verdicts += [type(judgement.verdict) for judgement in watch.judge()]
    assert verdicts == [Threatened, Threatened, Expired]


def test_channel_that_another_tower_may_redeem_is_judged_in_every_ledger() -> None:
    """Its time comes with the slack, and no event announces it."""
    policy = Policy(stand_by_ppm=500_000)
    watch = watching(changed(9, entry(expiration=RippleTime(START + 3_600))), policy=policy)
    watch.raise_best(claim(1))
    owed = []
    for index, time in ((11, START + 100), (12, START + 200), (13, START + 3_000)):
        watch.ledger_closed(closed(index, time))
        assert len(watch.judge()) == 1
        owed.append(len(watch.obligations()))
    assert owed == [0, 0, 1]


def test_cancel_after_threatens_when_its_lead_is_reached_without_any_event() -> None:
    """Nothing in the ledger announces CancelAfter: time alone must wake the channel."""
    end = START + 100_000
    watch = watching(changed(9, entry(cancel_after=RippleTime(end))))
    watch.raise_best(claim(1_000))
    watch.judge()
    watch.ledger_closed(closed(11, end - 6 * 3600 - 1))
    assert watch.judge() == ()
    assert watch.obligations() == ()
    watch.ledger_closed(closed(12, end - 6 * 3600))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Threatened)
    assert len(watch.obligations()) == 1


def test_stream_of_claims_costs_no_memory_for_each() -> None:
    """A channel with a far CancelAfter is judged at every claim, for years."""
    watch = watching(changed(9, entry(cancel_after=RippleTime(START + 90_000_000))))

    def stream(first: int) -> int:
        before = tracemalloc.get_traced_memory()[0]
        for drops in range(first, first + 2_000):
            watch.raise_best(claim(drops))
            watch.judge()
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        stream(1)
        grown = stream(10_000)
    finally:
        tracemalloc.stop()
    assert grown < 20_000


def test_channel_that_seems_over_is_tried_once_more_without_haste() -> None:
    """Only the ledger can prove that it is over; the attempt that comes too late closes it."""
    watch = watching(changed(9, entry(expiration=RippleTime(START + 100))))
    watch.raise_best(claim(1_000))
    watch.judge()
    watch.ledger_closed(closed(11, START + 100))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Expired)
    assert (judgement.at_stake, watch.incoming.at_stake) == (0, 0)
    (obligation,) = watch.obligations()
    assert isinstance(obligation, Obligation)
    assert (obligation.why, obligation.target, obligation.deadline) == ("last_effort", 1_000, None)


def test_expired_channel_that_paid_all_is_owed_nothing() -> None:
    """There is nothing to try for."""
    expired = entry(expiration=RippleTime(START + 100), balance=Drops(1_000))
    watch = watching(changed(9, expired))
    watch.raise_best(claim(1_000))
    watch.ledger_closed(closed(11, START + 100))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Expired)
    assert watch.obligations() == ()


def test_no_channel_is_over_by_the_time_that_one_server_tells_unconfirmed() -> None:
    """It may lie; trying once more costs a fee, and giving up costs the claim."""
    watch = watching(changed(9, entry(expiration=RippleTime(START + 100))))
    watch.raise_best(claim(1_000))
    watch.ledger_closed(replace(closed(11, START + 10_000), confirmed=False))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Threatened)
    assert len(watch.obligations()) == 1
    watch.ledger_closed(closed(12, START + 100))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Expired)


def test_channel_is_over_only_when_every_server_says_that_its_time_has_come() -> None:
    """Two servers that lie alike are contradicted by one that does not, and it is heard."""
    watch = watching(changed(9, entry(expiration=RippleTime(START + 100))))
    watch.raise_best(claim(1_000))
    verdicts = []
    for index, behind in ((11, 60), (12, 50), (13, 0)):
        watch.ledger_closed(replace(closed(index, START + 130 + index), behind=behind))
        verdicts += [judgement.verdict for judgement in watch.judge()]
    assert [type(verdict) for verdict in verdicts] == [Threatened, Threatened, Expired]


def test_false_ledger_gives_way_to_what_counts_after_it() -> None:
    """Attempts must not be made for ledgers that do not exist yet."""
    watch = watching(at=10)
    lie = replace(closed(5_000), confirmed=False)
    watch.ledger_closed(lie)
    assert watch.newest == lie
    watch.ledger_closed(replace(closed(11), confirmed=False))
    assert watch.newest == replace(closed(11), confirmed=False)
    watch.ledger_closed(closed(12))
    watch.ledger_closed(closed(11))
    assert watch.newest == closed(12)


def test_schedule_redeems_again_only_after_its_time() -> None:
    """A redemption starts the schedule anew."""
    watch = watching(changed(9, entry()), policy=Policy(redeem_every=100))
    watch.raise_best(claim(1_000))
    watch.judge()
    assert len(watch.obligations()) == 1
    watch.learn(changed(10, entry(balance=Drops(1_000)), OWN))
    watch.raise_best(claim(2_000))
    watch.judge()
    assert watch.obligations() == ()
    watch.ledger_closed(closed(11, START + 40 + 100))
    watch.judge()
    assert len(watch.obligations()) == 1


def test_attempt_is_settled_by_its_own_transaction_and_pays_what_the_balance_says() -> None:
    """The channel fact, not the result code, ends the attempt."""
    watch = watching(changed(9, entry()))
    watch.attempt_made(attempt())
    learned = watch.learn(changed(11, entry(balance=Drops(30_000_000)), OWN))
    (settlement,) = learned.settled
    assert (settlement.outcome.kind, settlement.outcome.paid) == (OutcomeKind.PAID, 30_000_000)
    assert not watch.attempts


def test_time_that_another_server_tells_presses_and_ends_nothing() -> None:
    """Nobody can tell which of two is right: who hurries loses a fee, who waits a claim."""
    end = RippleTime(START + 100_000)
    watch = watching(changed(9, entry(cancel_after=end)))
    watch.raise_best(claim(30_000_000))
    watch.judge()
    assert not watch.obligations()
    slow = replace(closed(11, START), confirmed=False)
    for ahead in (99_000, 200_000):
        watch.ledger_closed(replace(slow, ahead=ahead))
        watch.judge()
        assert isinstance(watch.incoming.judgements[entry().channel].verdict, Threatened)
        assert len(watch.obligations()) == 1


def test_what_is_on_its_way_is_looked_after_while_history_is_lost() -> None:
    """Nothing is accounted for behind the hole, and fees have to be raised all the same."""
    watch = watching(changed(9, entry()))
    watch.accounted(LedgerIndex(9))
    watch.ledger_closed(closed(30))
    assert watch.known_to == LedgerIndex(9)
    watch.without_history()
    assert (watch.known_to, watch.accounted_to) == (LedgerIndex(28), LedgerIndex(9))
    watch.accounted(LedgerIndex(31))
    assert watch.known_to == LedgerIndex(31)


def test_seat_taken_by_another_transaction_frees_the_obligation_at_once() -> None:
    """The account's owner used the sequence; the next pass plans a fresh attempt."""
    watch = watching(changed(9, entry(expiration=RippleTime(START + 4000))))
    watch.raise_best(claim(30_000_000))
    watch.attempt_made(attempt())
    used = SeatUsed(
        account=PAYEE,
        seat=Seat(7),
        transaction=TxHash("B" * 64),
        result="tesSUCCESS",
        at=Position(LedgerIndex(11), 0),
    )
    (settlement,) = watch.learn(used).settled
    assert settlement.outcome.kind is OutcomeKind.SUPERSEDED
    watch.judge()
    assert len(watch.obligations()) == 1


def test_lapsed_attempt_is_settled_when_its_last_ledger_is_accounted_for() -> None:
    """Not earlier: its facts may still be on their way."""
    watch = watching(changed(9, entry()))
    watch.attempt_made(attempt())
    assert watch.accounted(LedgerIndex(17)) == ()
    (settlement,) = watch.accounted(LedgerIndex(18))
    assert settlement.outcome.kind is OutcomeKind.REFUSED
    assert watch.lapses == {PAYEE: 1}


def test_closed_channel_tells_what_was_lost_and_can_be_let_go() -> None:
    """The payee closed with a stale claim: a final loss, told once."""
    watch = watching(changed(9, entry()))
    watch.raise_best(claim(30_000_000))
    last = entry(balance=Drops(5_000_000))
    at = Position(LedgerIndex(11), 0)
    watch.learn(ChannelDeleted(entry=last, at=at, transaction=TxHash("B" * 64)))
    (judgement,) = watch.judge()
    assert isinstance(judgement.verdict, Closed)
    assert judgement.verdict.lost == 25_000_000
    watch.forget(judgement.channel)
    assert not watch.channels
    assert watch.incoming.at_stake == 0


def test_closed_channel_is_looked_at_again_when_its_last_attempt_is_settled() -> None:
    """Else it would be held in memory for ever, waiting for nothing."""
    watch = watching(changed(9, entry()))
    watch.attempt_made(attempt())
    at = Position(LedgerIndex(11), 0)
    watch.learn(ChannelDeleted(entry=entry(), at=at, transaction=TxHash("B" * 64)))
    watch.judge()
    assert watch.judge() == ()
    watch.accounted(LedgerIndex(18))
    assert [type(judgement.verdict) for judgement in watch.judge()] == [Closed]


def test_sum_at_stake_follows_every_judgement() -> None:
    """What `status` shows is kept up without looking at every channel."""
    watch = watching(changed(9, entry(1)), changed(9, entry(2)))
    watch.raise_best(claim(1_000, 1))
    watch.raise_best(claim(500, 2))
    watch.judge()
    assert watch.incoming.at_stake == 1_500
    watch.learn(changed(10, entry(1, balance=Drops(1_000)), OWN))
    watch.judge()
    assert watch.incoming.at_stake == 500


def test_payee_that_is_gone_makes_its_channels_unprotectable() -> None:
    """A claim for a deleted account cannot be paid; nothing more should be served."""
    watch = watching(changed(9, entry()))
    watch.incoming.payee_seen(PAYEE, exists=False)
    (judgement,) = watch.judge()
    assert not judgement.protectable
    watch.incoming.payee_seen(PAYEE, exists=True)
    (judgement,) = watch.judge()
    assert judgement.protectable


def test_ledgers_only_go_forward() -> None:
    """An older ledger from a server that lags does not turn time back."""
    watch = watching(changed(9, entry()))
    watch.ledger_closed(closed(9))
    assert watch.newest is not None
    assert watch.newest.ledger_index == 10


def test_other_rules_of_the_network_judge_every_channel_anew() -> None:
    """A settle delay that was feared to wrap is promised once it is known not to, and back."""
    watch = watching(changed(5, entry(settle_delay=2**32 - 1)))
    cleaned_up = "21B8D2F76F68E11E9C077A43BBBC394136E9987E99DDB73966DD68419467E431"
    protectable = []
    for at, enabled in ((11, {cleaned_up}), (9, set()), (12, None), (13, {cleaned_up})):
        place = Position(LedgerIndex(at), END_OF_LEDGER)
        told = None if enabled is None else frozenset(enabled)
        watch.learn(AmendmentsRead(enabled=told, at=place))
        protectable += [judged.protectable for judged in watch.judge()]
    # What a server told of an older ledger, the second, changes nothing.
    assert protectable == [True, False, True]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["there", "claim", "gone", "missing", "later", "judge"]),
        st.integers(1, 3),
        st.integers(1, 30),
        st.integers(0, 12),
    ),
    max_size=30,
)


@given(STEPS)
def test_what_is_at_stake_in_all_is_what_judging_everything_anew_gives(
    steps: list[tuple[str, int, int, int]],
) -> None:
    """Though of a channel on which nothing presses nothing is remembered."""
    short: dict[str, object] = {"settle_delay": 10}  # no promise is made on the third
    delays: dict[int, dict[str, object]] = {1: {}, 2: {}, 3: short}
    watch = watching(*(changed(5, entry(n, amount=Drops(9), **delays[n])) for n in delays), at=1)
    time = START
    watch.ledger_closed(closed(10, time))
    for at, (what, number, amount, balance) in enumerate(steps, start=11):
        place = Position(LedgerIndex(at), END_OF_LEDGER)
        ends = {"expiration": RippleTime(START + 40 * amount)} if balance % 3 == 2 else {}
        found = entry(
            number,
            amount=Drops(amount),
            balance=Drops(min(amount, balance)),
            **ends,
            **delays[number],
        )
        if what == "there":
            watch.learn(changed(at, found))
        elif what == "claim":
            watch.raise_best(claim(amount, number))
        elif what == "gone":
            watch.learn(ChannelDeleted(entry=found, at=place, transaction=TxHash("B" * 64)))
        elif what == "missing":
            watch.learn(ChannelMissing(channel=found.channel, at=place))
        elif what == "later":
            time = RippleTime(time + 40 * amount)
            watch.ledger_closed(closed(at, time))
        else:
            watch.judge()
    watch.judge()
    told = watch.incoming.at_stake
    watch.incoming.touch_all()
    anew = watch.judge()
    assert told == watch.incoming.at_stake == sum(judged.at_stake for judged in anew)
    protected = sum(judged.at_stake for judged in anew if judged.protectable)
    assert protected == sum(watch.incoming.at_risk(name) for name in watch.channels)


def test_an_estate_is_kept_of_guarded_accounts_only_and_says_who_is_missing() -> None:
    """Anybody's account changes with each claim; ours alone is anything to us."""
    watch = watching(changed(5, entry()))
    for account in (PAYEE, PAYER):
        root = AccountEntry(account=account, balance=Drops(5), sequence=7)
        watch.learn(AccountChanged(entry=root, at=Position(LedgerIndex(9), 1)))
    assert set(watch.estates) == {PAYEE}
    assert watch.incoming.missing_payees == set()

    gone = watch.learn(AccountMissing(account=PAYEE, at=Position(LedgerIndex(10), 1)))
    assert gone.estate_before != gone.estate == watch.estates[PAYEE]
    assert watch.incoming.missing_payees == {PAYEE}


def test_what_fails_on_the_seat_of_an_attempt_is_not_foreign_and_what_succeeds_is() -> None:
    """A claim whose signature was stripped has another hash, and is ours all the same.

    Whoever has the key may take the very sequence that we were about to use.
    """
    watch = watching(changed(5, entry()))
    ours = attempt(target=Drops(10), last_ledger=LedgerIndex(20))
    watch.attempt_made(ours)
    used = SeatUsed(
        account=PAYEE,
        seat=Seat(7),
        transaction=TxHash("B" * 64),
        result="tecNO_PERMISSION",
        at=Position(LedgerIndex(11), 0),
    )
    assert watch.learn(used).foreign is None
    another = replace(used, seat=Seat(8))
    assert watch.learn(another).foreign == another
    watch.attempt_made(ours)
    same_seat = replace(used, result="tesSUCCESS")
    assert watch.learn(same_seat).foreign == same_seat
    assert watch.learn(replace(another, account=PAYER)).foreign is None
