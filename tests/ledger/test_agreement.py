"""Whether servers agree, and whether one is behind; each told once."""

from __future__ import annotations

from dataclasses import replace

from watchtower.ledger.agreement import Agreement
from watchtower.ledger.events import LedgerClosed
from watchtower.ledger.health import (
    HealthEvent,
    ServerAhead,
    ServerLagging,
    ServerRecovered,
    ServersDisagreed,
    ServerUnconfirmed,
    Trouble,
)
from watchtower.units import Drops, LedgerIndex, RippleTime


def announced(
    agreement: Agreement,
    server: str,
    index: int,
    ledger_hash: str = "A",
    *,
    known: int = 0,
    counts: bool | None = None,
) -> list[HealthEvent]:
    """Announce one ledger, which ``counts`` as confirmed or not, or not at all."""
    closed = LedgerClosed(
        ledger_index=LedgerIndex(index),
        ledger_hash=ledger_hash,
        close_time=RippleTime(index),
        base_fee=Drops(10),
        reserve_base=Drops(1),
        reserve_increment=Drops(1),
    )
    counted = None if counts is None else replace(closed, confirmed=counts)
    best = LedgerIndex(known or index)
    return list(agreement.announced(server, closed, counts=counted, known=best))


def test_a_fork_is_told_once_and_its_end_too() -> None:
    """Every ledger of a fork differs, and one alarm is enough."""
    agreement = Agreement()
    announced(agreement, "a", 1)
    assert announced(agreement, "b", 1, "B") == [
        ServersDisagreed(
            ledger_index=LedgerIndex(1), hashes={"a": "A", "b": "B"}, suspects=("a", "b")
        )
    ]
    announced(agreement, "a", 2)
    assert announced(agreement, "b", 2, "B") == []
    announced(agreement, "a", 3)
    assert announced(agreement, "b", 3, "A") == [
        ServerRecovered(server=name, trouble=Trouble.DISAGREEING) for name in ("a", "b")
    ]


def test_a_lag_is_told_once_and_its_end_too() -> None:
    """A server may be a few ledgers behind, not many."""
    agreement = Agreement()
    announced(agreement, "slow", 1)
    found = [event for index in range(2, 20) for event in announced(agreement, "fast", index)]
    assert found == [
        ServerLagging(server="slow", ledger_index=LedgerIndex(1), best=LedgerIndex(12))
    ]
    assert announced(agreement, "slow", 18) == [
        ServerRecovered(server="slow", trouble=Trouble.LAGGING)
    ]


def test_a_server_behind_our_own_cursor_lags() -> None:
    """Alone it cannot be compared with others, but with what we know."""
    assert announced(Agreement(), "a", 50, known=100) == [
        ServerLagging(server="a", ledger_index=LedgerIndex(50), best=LedgerIndex(100))
    ]


def test_only_the_minority_of_a_fork_is_suspected() -> None:
    """Two honest servers are not blamed for a third that lies."""
    agreement = Agreement()
    announced(agreement, "a", 1)
    announced(agreement, "liar", 1, "B")
    assert announced(agreement, "b", 1) == [
        ServerRecovered(server="a", trouble=Trouble.DISAGREEING),
    ]
    announced(agreement, "a", 2)
    announced(agreement, "b", 2)
    assert announced(agreement, "liar", 2, "B") == []
    announced(agreement, "a", 3)
    assert announced(agreement, "liar", 3) == [
        ServerRecovered(server="liar", trouble=Trouble.DISAGREEING)
    ]


def test_a_server_far_ahead_of_what_counts_is_told_once_and_its_end_too() -> None:
    """It blames itself, and not everybody else for lagging."""
    agreement = Agreement()
    announced(agreement, "honest", 100)
    assert announced(agreement, "liar", 200, known=100) == [
        ServerAhead(server="liar", ledger_index=LedgerIndex(200), best=LedgerIndex(100))
    ]
    assert announced(agreement, "liar", 201, known=101) == []
    assert announced(agreement, "honest", 201, known=201) == [
        ServerRecovered(server="liar", trouble=Trouble.AHEAD)
    ]


def test_the_first_servers_after_a_pause_are_not_ahead() -> None:
    """What the store last knew is old then; only another server shows that one runs ahead."""
    agreement = Agreement()
    assert announced(agreement, "first", 200, known=100) == []
    assert announced(agreement, "second", 201, known=100) == []
    assert announced(agreement, "third", 150, known=100) == [
        ServerAhead(server=name, ledger_index=LedgerIndex(index), best=LedgerIndex(100))
        for name, index in (("first", 200), ("second", 201))
    ]


def test_a_lonely_word_is_told_once_until_two_agree_again() -> None:
    """Everything hangs on one server, and somebody should know."""
    agreement = Agreement()
    announced(agreement, "b", 1)
    assert announced(agreement, "a", 5, counts=False) == [
        ServerUnconfirmed(server="a", ledger_index=LedgerIndex(5))
    ]
    assert announced(agreement, "a", 6, counts=False) == []
    assert announced(agreement, "b", 6, counts=True) == [
        ServerRecovered(server="a", trouble=Trouble.UNCONFIRMED)
    ]


def test_the_last_server_that_stands_is_no_lonely_word() -> None:
    """That the others are gone is told already."""
    agreement = Agreement()
    announced(agreement, "b", 4)
    assert list(agreement.left("b")) == []
    assert announced(agreement, "a", 5, counts=False) == []


def test_a_server_that_left_lags_no_more() -> None:
    """Its alarm is that it left."""
    agreement = Agreement()
    announced(agreement, "a", 50, known=100)
    assert list(agreement.left("a")) == [ServerRecovered(server="a", trouble=Trouble.LAGGING)]
    assert list(agreement.left("a")) == []


def test_memory_is_bounded() -> None:
    """Hashes of old ledgers are forgotten."""
    agreement = Agreement()
    for index in range(1_000):
        announced(agreement, "a", index)
    assert len(agreement._hashes) <= 64
