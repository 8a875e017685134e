"""The merged history: order, wholeness, gaps."""

from __future__ import annotations

import pytest

from tests.ledger.messages import (
    PAYEE,
    Message,
    accounted,
    closed,
    facts_of,
    play,
    subscription,
    told,
    transaction,
)
from watchtower.ledger.events import (
    LedgerClosed,
)
from watchtower.ledger.health import MessageRejected, ServersDisagreed
from watchtower.ledger.sequence import Gap, Sequence
from watchtower.units import LedgerIndex


@pytest.fixture
def sequence() -> Sequence:
    """A sequence after ledger 10, with one server at ledger 10."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10))
    sequence.subscribed("a", subscription(10))
    return sequence


def test_a_ledger_counts_only_when_the_next_one_is_announced(sequence: Sequence) -> None:
    """Transactions come after their ledger's announcement, so that alone proves nothing."""
    assert accounted(play(sequence, "a", closed(11), transaction(11))) == []
    assert accounted(play(sequence, "a", closed(12))) == [11]


def test_an_empty_ledger_counts_at_once(sequence: Sequence) -> None:
    """A ledger with no transactions has nothing left to say."""
    assert accounted(play(sequence, "a", closed(11, 0))) == [11]


def test_facts_are_delivered_once_whoever_tells_them(sequence: Sequence) -> None:
    """Overlapping subscriptions and a second server repeat everything."""
    sequence.subscribed("b", subscription(10))
    deliveries = play(sequence, "a", closed(11), transaction(11), transaction(11))
    deliveries += play(sequence, "b", closed(11), transaction(11))

    assert told(deliveries) == facts_of(transaction(11))


def test_unvalidated_transactions_are_nothing_yet(sequence: Sequence) -> None:
    """What is merely proposed may never happen."""
    proposed = {**transaction(11), "validated": False, "status": "proposed"}

    assert play(sequence, "a", proposed) == []


def test_transaction_from_which_our_channel_was_taken_out_puts_its_ledger_in_doubt(
    sequence: Sequence,
) -> None:
    """A server tells us what touches our accounts; what touches none of them hides something."""
    hidden = transaction(11)
    hidden = {**hidden, "meta": {**hidden["meta"], "AffectedNodes": []}}

    deliveries = play(sequence, "a", closed(11), hidden, closed(12, 0))

    assert [type(d) for d in deliveries if isinstance(d, MessageRejected)] == [MessageRejected]
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(11))


def test_ledger_time_never_goes_back(sequence: Sequence) -> None:
    """Older, repeated and reordered announcements are harmless."""
    deliveries = play(sequence, "a", closed(12), closed(11), closed(12), closed(9), closed(13))

    seen = [d.ledger_index for d in deliveries if isinstance(d, LedgerClosed)]
    assert seen == [12, 13]


def test_a_start_behind_the_ledger_has_a_gap() -> None:
    """Everything between the cursor and the subscription must be read from history."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(5))
    sequence.subscribed("a", subscription(10))

    assert sequence.gap() == Gap(LedgerIndex(6), LedgerIndex(10))


def test_the_cursor_waits_for_a_gap(sequence: Sequence) -> None:
    """Facts beyond a gap are told at once, but nothing is accounted for past it."""
    deliveries = play(sequence, "a", closed(11, 0), closed(14), transaction(14), closed(15, 0))

    assert told(deliveries) == facts_of(transaction(14))
    assert accounted(deliveries) == [11]
    assert sequence.gap() == Gap(LedgerIndex(12), LedgerIndex(13))
    filled = sequence.backfilled(Gap(LedgerIndex(12), LedgerIndex(13)), facts_of(transaction(12)))
    assert told(filled) == facts_of(transaction(12))
    assert accounted(filled) == [15]
    assert sequence.gap() is None


def test_a_reconnect_leaves_the_present_ledger_in_doubt(sequence: Sequence) -> None:
    """Transactions may have been sent while nobody listened."""
    play(sequence, "a", closed(11))
    sequence.lost("a")
    sequence.subscribed("a", subscription(11))

    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(11))


def test_a_second_server_bridges_the_reconnect_of_the_first(sequence: Sequence) -> None:
    """There is no gap while anybody saw the ledger whole."""
    sequence.subscribed("b", subscription(10))
    play(sequence, "a", closed(11))
    play(sequence, "b", closed(11))
    sequence.lost("a")
    sequence.subscribed("a", subscription(11))

    assert sequence.gap() is None
    assert accounted(play(sequence, "b", transaction(11), closed(12, 0))) == [12]


def test_a_garbled_message_may_have_been_anything(sequence: Sequence) -> None:
    """A frame that could not be read puts the present ledger in doubt, and no other."""
    play(sequence, "a", closed(11))
    sequence.garbled("a")
    assert accounted(play(sequence, "a", closed(12), closed(13))) == []
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(11))
    assert accounted(sequence.backfilled(Gap(LedgerIndex(11), LedgerIndex(11)), ())) == [12]


def test_an_unreadable_channel_node_stops_the_cursor_and_not_the_feed(sequence: Sequence) -> None:
    """Rule 3: what cannot be processed is asked for again and never skipped."""
    bad = transaction(11)
    bad["meta"]["AffectedNodes"][0]["ModifiedNode"]["FinalFields"]["Amount"] = "a lot"
    deliveries = play(sequence, "a", closed(11), bad, closed(12), transaction(12), closed(13))

    assert [type(d) for d in deliveries if isinstance(d, MessageRejected)] == [MessageRejected]
    assert told(deliveries) == facts_of(transaction(12))
    assert accounted(deliveries) == []
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(11))


def test_an_announcement_without_its_ledger_puts_the_ledger_in_doubt(sequence: Sequence) -> None:
    """It may have been the next ledger's; that one and the present one are read again."""
    bad = {**closed(12), "ledger_hash": None}
    deliveries = play(sequence, "a", closed(11), bad, closed(13), closed(14))

    assert [d for d in deliveries if isinstance(d, MessageRejected)]
    assert accounted(deliveries) == []
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(12))


def test_a_flood_of_rubbish_is_told_once_a_ledger(sequence: Sequence) -> None:
    """A server must not be able to wake people a thousand times."""
    bad = {**closed(12), "ledger_hash": None}
    first = play(sequence, "a", closed(11), *[bad] * 1_000)
    second = play(sequence, "a", closed(12), *[bad] * 1_000)

    assert [sum(isinstance(d, MessageRejected) for d in out) for out in (first, second)] == [1, 1]


def test_nothing_comes_of_messages_of_unknown_kinds(sequence: Sequence) -> None:
    """Servers learn new words; none of them stops the feed, or puts it in doubt."""
    unknown: list[Message] = [{"type": "peerStatusChange"}, {"type": 7}, {}, {"status": "closed"}]
    deliveries = play(sequence, "a", closed(11), *unknown, closed(12))

    assert accounted(deliveries) == [11]


def test_a_server_that_is_not_known_puts_nothing_in_doubt(sequence: Sequence) -> None:
    """Rubbish may come before a subscription stands."""
    sequence.garbled("b")

    assert sequence.gap() is None


def test_a_late_fact_of_an_accounted_ledger_is_not_swallowed(sequence: Sequence) -> None:
    """A second server may have seen what the first one dropped."""
    sequence.subscribed("b", subscription(10))
    play(sequence, "a", closed(11), closed(12), closed(13))

    assert told(play(sequence, "b", closed(11), transaction(11))) == facts_of(transaction(11))


def test_a_lagging_server_is_not_waited_for(sequence: Sequence) -> None:
    """A server that is far behind would hold up the cursor; history is asked instead."""
    sequence.subscribed("b", subscription(10))
    play(sequence, "b", *(closed(index) for index in range(11, 20)))
    sequence.garbled("b")
    play(sequence, "b", *(closed(index) for index in range(20, 26)))

    assert sequence.gap() == Gap(LedgerIndex(19), LedgerIndex(19))


def test_an_absurd_ledger_index_does_not_blind_us(sequence: Sequence) -> None:
    """A server that claims the far future would silence every later announcement."""
    deliveries = play(sequence, "a", closed(2**32 - 1), closed(11, 0))

    assert [d for d in deliveries if isinstance(d, MessageRejected)]
    assert sequence.newest == 11
    assert accounted(play(sequence, "a", closed(12, 0))) == [12]


def test_a_server_stuck_in_the_past_does_not_hide_the_present() -> None:
    """An amendment-blocked server goes on naming the last ledger that it understood."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(90_000))
    sequence.subscribed("stuck", subscription(10))
    deliveries = sequence.subscribed("fresh", subscription(90_000))
    deliveries += play(sequence, "fresh", closed(90_001, 0), transaction(90_001))

    assert [d.ledger_index for d in deliveries if isinstance(d, LedgerClosed)] == [90_000, 90_001]
    assert accounted(deliveries) == [90_001]
    assert told(deliveries) == facts_of(transaction(90_001))


def test_a_fact_from_the_far_future_is_rejected(sequence: Sequence) -> None:
    """It would stand before every true state of its channel for ever."""
    deliveries = play(sequence, "a", closed(11), transaction(2**32 - 1))

    assert [type(d) for d in deliveries] == [LedgerClosed, MessageRejected]


def test_a_server_that_is_still_syncing_is_followed_once_it_is_there() -> None:
    """Its subscription names no ledger; what it announces later is seen whole."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10))
    assert sequence.subscribed("a", {"warning": "not synced"}) == []
    deliveries = play(sequence, "a", closed(90_011), transaction(90_011), closed(90_012))

    assert told(deliveries) == facts_of(transaction(90_011))
    assert sequence.gap() == Gap(LedgerIndex(11), LedgerIndex(90_010))


def test_one_of_two_servers_moves_neither_time_nor_cursor() -> None:
    """A ledger that it calls empty may be full; what happened in it would be past the cursor."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=2)
    sequence.subscribed("a", subscription(10))
    sequence.subscribed("liar", subscription(10))

    assert play(sequence, "liar", closed(11, 0)) == []
    assert told(play(sequence, "a", closed(11), transaction(11))) == facts_of(transaction(11))


def test_facts_do_not_wait_for_their_ledger_to_be_confirmed() -> None:
    """A close request acts as soon as any server tells of it."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=2)
    for server in ("a", "b"):
        sequence.subscribed(server, subscription(10))

    assert play(sequence, "a", closed(11), transaction(11)) == facts_of(transaction(11))


def test_cursor_waits_until_a_second_server_confirms_the_ledger() -> None:
    """Both then have told everything, or have begun to."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=2)
    for server in ("a", "b"):
        sequence.subscribed(server, subscription(10))
    assert accounted(play(sequence, "a", closed(11), closed(12), transaction(12))) == []
    assert accounted(play(sequence, "b", closed(11), closed(12))) == [11]


def test_server_that_runs_ahead_opens_no_gap() -> None:
    """Nobody asks for a history that does not exist."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=3)
    for server in ("a", "b", "liar"):
        sequence.subscribed(server, subscription(10))
    play(sequence, "liar", *(closed(index, fork="B") for index in range(500, 520)))
    play(sequence, "a", closed(11))
    play(sequence, "b", closed(11))

    assert sequence.newest == 11
    assert sequence.gap() is None


def test_one_server_of_two_that_invents_ledgers_moves_no_cursor() -> None:
    """Its word is believed for want of a better one, and can be taken back; a cursor cannot."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=2)
    for server in ("a", "liar"):
        sequence.subscribed(server, subscription(10))
    invented = [closed(index, 0, fork="B") for index in range(900, 920)]
    deliveries = play(sequence, "liar", *invented)

    assert [d for d in deliveries if isinstance(d, LedgerClosed)]
    assert accounted(deliveries) == []
    assert sequence.gap() is None
    assert accounted(play(sequence, "a", *(closed(index, 0) for index in range(11, 20)))) == []
    assert (
        accounted(play(sequence, "liar", *(closed(index, 0) for index in range(11, 20))))[-1] == 19
    )


def test_server_that_is_always_four_ledgers_behind_makes_nothing_go_back() -> None:
    """The cursor follows what both have told, and time what the faster one tells."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=2)
    for server in ("fast", "slow"):
        sequence.subscribed(server, subscription(10))
    deliveries = []
    for index in range(11, 40):
        deliveries += play(sequence, "fast", closed(index, 0))
        if index > 14:
            deliveries += play(sequence, "slow", closed(index - 4, 0))

    seen = [d.ledger_index for d in deliveries if isinstance(d, LedgerClosed)]
    assert seen == sorted(seen)
    assert seen[-1] == 39
    assert accounted(deliveries)[-1] == 35


def test_what_waited_for_a_server_that_is_gone_counts_without_it() -> None:
    """The cursor goes on with the last one."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=2)
    for server in ("a", "b"):
        sequence.subscribed(server, subscription(10))
    assert accounted(play(sequence, "a", closed(11, 0), closed(12, 0))) == []
    sequence.lost("b")

    assert accounted(sequence.gone("b")) == [12]


def test_servers_that_disagree_are_told(sequence: Sequence) -> None:
    """One ledger has one hash."""
    sequence.subscribed("b", subscription(10))
    deliveries = play(sequence, "a", closed(11)) + play(sequence, "b", closed(11, fork="B"))

    found = [d for d in deliveries if isinstance(d, ServersDisagreed)]
    assert found == [
        ServersDisagreed(
            ledger_index=LedgerIndex(11),
            hashes={"a": f"A{11:063}", "b": f"B{11:063}"},
            suspects=("a", "b"),
        )
    ]


def test_without_a_cursor_nothing_is_accounted_until_the_state_was_read() -> None:
    """A first start discovers what there is before it says that it knows everything."""
    sequence = Sequence([PAYEE], cursor=None)
    deliveries = sequence.subscribed("a", subscription(10))
    deliveries += play(sequence, "a", closed(11), closed(12))

    assert accounted(deliveries) == []
    assert sequence.gap() is None
    assert accounted(sequence.begin(LedgerIndex(10))) == [11]


def test_memory_does_not_grow_with_the_ledgers_seen(sequence: Sequence) -> None:
    """A year of ledgers leaves no more behind than an hour."""
    for index in range(11, 2_000):
        play(sequence, "a", closed(index), transaction(index))

    assert sequence.accounted == 1_998
    assert len(sequence._seen) <= 512
    assert str(sequence._whole) == "empty"
