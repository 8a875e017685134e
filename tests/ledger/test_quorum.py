"""Whose word about the ledger counts: two that agree, or one when there is no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from watchtower.ledger.events import LedgerClosed
from watchtower.ledger.quorum import Quorum
from watchtower.units import Drops, LedgerIndex, RippleTime


def ledger(index: int, *, late: int = 0, fork: str = "A") -> LedgerClosed:
    """Return a ledger as servers tell it, or tell it falsely."""
    return LedgerClosed(
        ledger_index=LedgerIndex(index),
        ledger_hash=f"{fork}{index}",
        close_time=RippleTime(index * 4 + late),
        base_fee=Drops(10),
        reserve_base=Drops(1_000_000),
        reserve_increment=Drops(200_000),
    )


def quorum_of(*servers: str, configured: int | None = None) -> Quorum:
    """Return a quorum whose servers all stand."""
    quorum = Quorum(servers=configured or len(servers))
    for server in servers:
        quorum.joined(server)
    return quorum


def counted(quorum: Quorum, server: str, ledgers: Iterable[LedgerClosed]) -> list[tuple[int, bool]]:
    """Let a server announce ledgers; return the index of what counts, and whether confirmed."""
    answers = [quorum.announced(server, told) for told in ledgers]
    return [(a.ledger_index, a.confirmed) for a in answers if a is not None]


def test_two_that_tell_the_same_ledger_are_believed_at_once() -> None:
    """The second of two servers confirms."""
    quorum = quorum_of("a", "b")
    assert counted(quorum, "a", [ledger(1)]) == []
    assert counted(quorum, "b", [ledger(1)]) == [(1, True)]


def test_the_only_server_configured_is_believed() -> None:
    """There is nobody else to ask, and the operator was told so."""
    assert counted(quorum_of("a"), "a", [ledger(1), ledger(2)]) == [(1, True), (2, True)]


def test_a_false_close_time_under_a_true_hash_is_not_confirmed() -> None:
    """Time is what an attacker would lie about: a channel that seems over is given up."""
    quorum = quorum_of("a", "liar")
    counted(quorum, "a", [ledger(1)])
    assert counted(quorum, "liar", [ledger(1, late=86_400)]) == []


def test_a_false_reserve_under_a_true_hash_is_not_confirmed() -> None:
    """A reserve that seems to eat all the money keeps an account from paying fees."""
    quorum = quorum_of("a", "liar")
    counted(quorum, "a", [ledger(1)])
    lie = LedgerClosed(
        ledger_index=LedgerIndex(1),
        ledger_hash="A1",
        close_time=RippleTime(4),
        base_fee=Drops(10),
        reserve_base=Drops(10**15),
        reserve_increment=Drops(200_000),
    )
    assert counted(quorum, "liar", [lie]) == []


def test_one_whose_word_nobody_confirms_is_believed_after_three_ledgers() -> None:
    """The other server is stuck; nobody must wait for it for ever."""
    quorum = quorum_of("a", "stuck")
    told = counted(quorum, "a", [ledger(index) for index in range(1, 6)])
    assert told == [(3, False), (4, False), (5, False)]


def test_one_who_lets_time_stand_still_keeps_nobody_from_hurrying() -> None:
    """Found by the simulation (world 200094): a CancelAfter came and was not seen to press.

    The other one's time presses, and gives nothing up; a ledger of next year has no say in it.
    """
    quorum = quorum_of("a", "liar", "mad")
    true = [ledger(index, late=600) for index in (1, 2)]
    counted(quorum, "a", true)
    counted(quorum, "mad", [ledger(90, late=86_400)])
    assert counted(quorum, "liar", [ledger(1), ledger(2), ledger(3)]) == [(3, False)]
    counts = quorum.counted
    assert counts is not None
    assert counts.pressing_time == true[-1].close_time
    assert counts.sure_time <= ledger(3).close_time

    # Where two agree, the third's hurry is its own.
    assert counted(quorum, "mad", [ledger(4)]) == []
    assert counted(quorum, "liar", [ledger(4)]) == [(4, True)]
    agreed = quorum.counted
    assert agreed is not None
    assert agreed.pressing_time == agreed.close_time


def test_one_whose_word_nobody_confirms_is_not_believed_against_two_that_agree() -> None:
    """A liar that runs ahead of two honest servers moves nothing, however long it talks."""
    quorum = quorum_of("a", "b", "liar")
    for index in range(1, 30):
        assert counted(quorum, "liar", [ledger(index + 1_000, fork="L")]) == []
        counted(quorum, "a", [ledger(index)])
        assert counted(quorum, "b", [ledger(index)]) == [(index, True)]


def test_the_last_server_is_believed_at_once_when_all_others_are_gone() -> None:
    """What it told before counts too: no ledger more is waited for."""
    quorum = quorum_of("a", "b", "c")
    counted(quorum, "a", [ledger(1), ledger(2)])
    assert quorum.gone("b") is None
    counts = quorum.gone("c")
    assert counts is not None
    assert (counts.ledger_index, counts.confirmed) == (2, False)
    assert counted(quorum, "a", [ledger(3)]) == [(3, False)]


def test_a_server_that_came_back_is_waited_for_again() -> None:
    """Two servers or an alarm: as soon as there are two again, one alone is not enough."""
    quorum = quorum_of("a", "b")
    quorum.gone("b")
    assert counted(quorum, "a", [ledger(1)]) == [(1, False)]
    quorum.joined("b")
    assert counted(quorum, "b", [ledger(1), ledger(2)]) == []
    assert counted(quorum, "a", [ledger(2), ledger(3)]) == [(2, True)]


def test_what_one_told_falsely_gives_way_to_what_two_tell() -> None:
    """A liar that was alone for a while has not moved the ledger for good."""
    quorum = quorum_of("liar", configured=3)
    assert counted(quorum, "liar", [ledger(index) for index in range(901, 905)])[-1] == (904, False)
    quorum.joined("a")
    quorum.joined("b")
    counted(quorum, "a", [ledger(10)])
    assert counted(quorum, "b", [ledger(10)]) == [(10, True)]
    assert counted(quorum, "liar", [ledger(905), ledger(906), ledger(907)]) == []


def test_liar_that_ran_far_ahead_and_left_has_not_stopped_time() -> None:
    """The other server will not reach that ledger in our lifetime."""
    quorum = quorum_of("a", "liar")
    counted(quorum, "liar", [ledger(index) for index in (10**9, 10**9 + 1, 10**9 + 2)])
    quorum.gone("liar")
    told = counted(quorum, "a", [ledger(index) for index in range(1, 10)])
    assert told == [(6, False), (7, False), (8, False), (9, False)]


def test_liar_that_ran_far_ahead_and_repeats_itself_has_not_stopped_time() -> None:
    """It is never silent, and nothing it says is new."""
    quorum = quorum_of("a", "liar")
    counted(quorum, "liar", [ledger(index) for index in (901, 902, 903)])
    told = []
    for index in range(1, 8):
        assert counted(quorum, "liar", [ledger(902), ledger(903)]) == []
        told += counted(quorum, "a", [ledger(index)])
    assert told == [(6, False), (7, False)]


def test_two_that_lie_alike_move_no_time_that_a_third_has_not_reached() -> None:
    """One honest server is enough: nothing is given up before it says that the time has come."""
    quorum = quorum_of("one liar", "another", "honest")
    quorum.announced("honest", ledger(10))
    quorum.announced("one liar", ledger(11, late=86_400))
    counts = quorum.announced("another", ledger(11, late=86_400))
    assert counts is not None
    assert counts.close_time == 44 + 86_400
    assert counts.sure_time == 40


def test_server_that_left_holds_no_time_up() -> None:
    """What it told last grows old."""
    quorum = quorum_of("a", "b", "slow")
    quorum.announced("slow", ledger(1))
    quorum.left("slow")
    quorum.announced("a", ledger(9))
    counts = quorum.announced("b", ledger(9))
    assert counts is not None
    assert counts.sure_time == counts.close_time == 36


def test_ledgers_below_the_cursor_do_not_count() -> None:
    """Two servers that are stuck in the past agree with each other."""
    quorum = Quorum(servers=2, floor=LedgerIndex(100))
    counted(quorum, "a", [ledger(50)])
    assert counted(quorum, "b", [ledger(50)]) == []
    counted(quorum, "a", [ledger(100)])
    assert counted(quorum, "b", [ledger(100)]) == [(100, True)]


def test_memory_is_bounded_and_a_talkative_server_pushes_out_nobody_elses_word() -> None:
    """A thousand ledgers from the future, and the present is still confirmed."""
    quorum = quorum_of("a", "b", "liar")
    counted(quorum, "a", [ledger(1)])
    counted(quorum, "b", [ledger(1)])
    counted(quorum, "a", [ledger(2)])
    counted(quorum, "liar", [ledger(index) for index in range(5_000, 6_000)])
    assert counted(quorum, "b", [ledger(2)]) == [(2, True)]
    assert max(len(told) for told in quorum._told.values()) <= 64


_lies = st.builds(
    ledger,
    st.integers(1, 60),
    late=st.integers(-3, 100_000),
    fork=st.sampled_from("AB"),
)
_turns = st.lists(st.sampled_from(["a", "b", "liar"]), max_size=150)


@given(turns=_turns, lies=st.lists(_lies, min_size=150, max_size=150), three=st.booleans())
def test_no_lie_of_one_server_is_ever_confirmed(
    turns: list[str], lies: list[LedgerClosed], *, three: bool
) -> None:
    """Whatever one server says, and whenever: what is confirmed is what an honest one told.

    Beside two honest servers that keep up, no lie even counts.
    """
    honest = ["a", "b"] if three else ["a"]
    quorum = quorum_of("liar", *honest)
    # The honest ones stand from the start, and have told the same ledger.
    for server in honest:
        quorum.announced(server, ledger(1))
    told, lie = dict.fromkeys(honest, 1), iter(lies)
    for turn in turns:
        if turn == "liar":
            counts = quorum.announced("liar", next(lie))
        elif turn in told and told[turn] <= min(told.values()):
            told[turn] += 1
            counts = quorum.announced(turn, ledger(told[turn]))
        else:
            continue
        if counts is not None and (counts.confirmed or three):
            assert replace(counts, behind=0) == ledger(counts.ledger_index)
