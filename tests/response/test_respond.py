"""One pass of responding, with a real store, real keys and real signatures; servers are told."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from xrpl.core.binarycodec import decode

from tests.response.stage import (
    LIMITS,
    NOW,
    OTHER,
    PAYEE,
    Stage,
    Word,
    used,
)
from tests.store.make import limit
from watchtower.errors import RequestRefusedError, StoreFullError
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.ledger.answers import Fees
from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.response.bidding import Refusal
from watchtower.units import Drops, LedgerIndex, RippleTime


async def test_transaction_is_on_disk_before_its_first_byte_leaves(stage: Stage) -> None:
    """Killed at this very moment, the next start knows what may be under way."""
    stage.owe(1)
    response = await stage.responder.respond()
    (transaction,) = await stage.until_sent(1)
    assert stage.servers.on_disk == [[stage.servers.sent[0]]]
    assert response.sent[0].blob == stage.servers.sent[0]
    assert transaction["Balance"] == "30000000"
    assert transaction["LastLedgerSequence"] == 108
    assert transaction["SigningPubKey"] == PAYEE.public_key
    assert "Flags" not in transaction


async def test_nothing_leaves_when_it_cannot_be_written_down(stage: Stage) -> None:
    """A full disk: the obligation waits, and no transaction is unknown to the next start."""
    await limit(stage.store)
    for number in range(1, 60):
        stage.owe(number)
    with pytest.raises(StoreFullError):
        await stage.responder.respond()
    for _ in range(50):
        await asyncio.sleep(0)
    written = await unsettled(stage)
    assert {attempt.blob for attempt in written} >= set(stage.servers.sent)
    assert {attempt.transaction for attempt in written} == set(stage.watch.attempts)
    assert len(written) < 59


async def unsettled(stage: Stage) -> list[Attempt]:
    """The attempts on disk without an outcome."""
    async with stage.store.read() as work:
        return await work.attempts.unsettled()


async def test_attempt_on_its_way_is_sent_once_a_ledger_and_never_after_its_last(
    stage: Stage,
) -> None:
    """A lost submission costs a ledger; more often would only be noise."""
    stage.owe(1)
    for index, sent in ((100, 1), (100, 1), (101, 2), (102, 3), (107, 4), (108, 4), (109, 4)):
        stage.ledger(index)
        await stage.responder.respond()
        await stage.until_sent(sent)
        # Past its last ledger the obligation gets a fresh attempt, on the same seat.
        assert len([b for b in stage.servers.sent if b == stage.servers.sent[0]]) == sent


async def test_restart_sends_again_what_it_finds(stage: Stage) -> None:
    """The in-flight set is on disk, and comes back with the watch."""
    stage.owe(1)
    await stage.responder.respond()
    (first,) = await stage.until_sent(1)
    async with stage.store.read() as work:
        attempts = await work.attempts.unsettled()
    watch = Watch([PAYEE.address], Policy(), attempts=attempts)
    watch.ledger_closed(stage.watch.newest or pytest.fail("a ledger had closed"))
    await stage.another(watch).respond()
    assert (await stage.until_sent(2))[1] == first


async def test_account_without_a_key_holds_up_nobody(stage: Stage) -> None:
    """And leaves no hole among the seats of the others."""
    stage.owe(1, payee=OTHER)
    stage.owe(2)
    stage.owe(3)
    stage.owe(4, payee=OTHER)
    response = await stage.responder.respond()
    transactions = await stage.until_sent(2)
    assert [refused.exit_code for _, refused in response.unsigned] == [50, 50]
    assert {owed.account for owed, _ in response.unsigned} == {OTHER.address}
    assert sorted(int(str(t["Sequence"])) for t in transactions) == [7, 8]


async def test_account_that_is_gone_holds_up_nobody(stage: Stage) -> None:
    """A deleted payee cannot be paid; the other one is."""
    stage.servers.gone = {OTHER.address}
    stage.owe(1, payee=OTHER)
    stage.owe(2)
    response = await stage.responder.respond()
    assert [attempt.account for attempt in response.sent] == [PAYEE.address]
    assert [owed.account for owed, _ in response.unseated] == [OTHER.address]


async def test_server_that_answers_late_does_not_make_attempts_that_are_dead_already(
    stage: Stage,
) -> None:
    """A server that hangs until its timeout costs ledgers; what leaves then must still live."""
    stage.servers.meanwhile = lambda: stage.ledger(112)
    stage.owe(1)
    (attempt,) = (await stage.responder.respond()).sent
    assert (attempt.made_in, attempt.last_ledger) == (112, 120)


async def test_all_accounts_are_asked_for_at_once(stage: Stage) -> None:
    """One after the other, a server that hangs would cost a timeout for every account."""
    stage.servers.together = asyncio.Barrier(2)
    stage.owe(1)
    stage.owe(2, payee=OTHER)
    async with asyncio.timeout(10):
        response = await stage.responder.respond()
    assert [attempt.account for attempt in response.sent] == [PAYEE.address]


async def test_without_any_sequence_nothing_is_guessed(stage: Stage) -> None:
    """The pass fails, and is tried again."""
    stage.servers.gone = {PAYEE.address}
    stage.owe(1)
    with pytest.raises(RequestRefusedError):
        await stage.responder.respond()
    assert stage.servers.sent == []


async def test_underpriced_attempt_is_replaced_on_its_seat_up_to_the_cap(stage: Stage) -> None:
    """Every server refuses the fee: the same seat, more for it, never above the cap."""
    stage.servers.words = [Word("telCAN_NOT_QUEUE_FULL"), Word(None)]
    stage.owe(1)
    for index in range(100, 106):
        stage.ledger(index)
        stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(5_000 * (index - 98)))
        await stage.responder.respond()
        await stage.until_answered()
    transactions = [decode(blob) for blob in dict.fromkeys(stage.servers.sent)]
    fees = [int(t["Fee"]) for t in transactions]
    assert len(transactions) > 2
    assert {t["Sequence"] for t in transactions} == {7}
    assert all(after * 4 > before * 5 for before, after in pairwise(fees))
    assert max(fees) <= 100_000


async def test_shadow_signs_nothing_and_sends_nothing(stage: Stage) -> None:
    """Not even what an earlier run left on its way."""
    stage.owe(1)
    response = await stage.another(shadow=True).respond()
    assert [step.obligation.target for step in response.would_redeem] == [30_000_000]
    assert await unsettled(stage) == []
    assert stage.servers.sent == []


async def test_network_id_goes_into_the_transaction_where_it_must(stage: Stage) -> None:
    """A sidechain's claim means nothing on mainnet."""
    stage.servers.network_id = 21_338
    stage.owe(1)
    await stage.responder.respond()
    (transaction,) = await stage.until_sent(1)
    assert transaction["NetworkID"] == 21_338


async def test_sequence_that_contradicts_validated_ledgers_is_not_believed(stage: Stage) -> None:
    """The highest that is told is believed first, unless the ledger cannot be there yet."""
    stage.estate(PAYEE, sequence=7)
    stage.servers.told = (1_000_000, 7, 3)
    stage.owe(1)
    await stage.responder.respond()
    (transaction,) = await stage.until_sent(1)
    assert transaction["Sequence"] == 7


async def test_where_every_sequence_is_unbelievable_each_lapse_believes_another(
    stage: Stage,
) -> None:
    """What we know of the account may be what is wrong."""
    stage.estate(PAYEE, sequence=7)
    stage.servers.told = (1_000_000, 3)
    stage.owe(1)
    await stage.responder.respond()
    assert (await stage.until_sent(1))[0]["Sequence"] == 1_000_000
    stage.watch.accounted(LedgerIndex(108))
    stage.ledger(109)
    await stage.responder.respond()
    assert (await stage.until_sent(2))[1]["Sequence"] == 3


async def test_account_spends_no_more_on_a_day_than_it_may(stage: Stage) -> None:
    """What its attempts have cost is counted once the ledger proves it."""
    stage.estate(PAYEE, sequence=7)
    stage.owe(1)
    (made,) = (await stage.responder.respond()).sent
    stage.watch.learn(used(made, "tecUNFUNDED_PAYMENT"))
    assert stage.watch.spent(PAYEE.address) == made.fee
    assert stage.watch.spent(OTHER.address) == 0
    stage.watch.under_way.pay(PAYEE.address, LIMITS.fees.daily_cap, RippleTime(NOW))
    stage.ledger(101)
    response = await stage.responder.respond()
    assert [left.why for left in response.left] == [Refusal.DAILY_CAP]


async def test_sequence_that_all_servers_miss_is_taken_by_the_next_attempt(stage: Stage) -> None:
    """Whoever had it is over: what stands behind it would never get in."""
    stage.servers.words = [Word("terPRE_SEQ"), Word("terPRE_SEQ")]
    stage.servers.sequence = 8
    stage.owe(1)
    await stage.responder.respond()
    await stage.until_answered()
    stage.servers.sequence = 7
    stage.ledger(101)
    (made,) = (await stage.responder.respond()).sent
    assert made.seat == Seat(7)


async def test_where_history_is_lost_an_attempt_that_does_not_get_in_is_raised(
    stage: Stage,
) -> None:
    """No ledger is accounted for behind the hole, and a channel ends all the same."""
    stage.owe(1)
    (made,) = (await stage.responder.respond()).sent
    stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(5_000))
    raised: list[Attempt] = []
    for index in range(101, 106):
        stage.ledger(index)
        stage.watch.without_history()
        raised += (await stage.responder.respond()).sent
    assert raised
    assert {attempt.seat for attempt in raised} == {made.seat}
    assert raised[0].fee >= 5_000


@pytest.mark.parametrize("ahead", [0, 3_580])
async def test_time_that_one_server_tells_to_be_late_makes_haste(stage: Stage, ahead: int) -> None:
    """Of two servers one may let time stand still until the channel has ended."""
    stage.servers.fees = Fees(base_fee=Drops(10), open_ledger_fee=Drops(60_000))
    stage.ledger(101, ahead=ahead)
    stage.owe(1)
    sent = (await stage.responder.respond()).sent
    assert [attempt.fee >= 60_000 for attempt in sent] == [bool(ahead)]
