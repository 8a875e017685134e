"""Whether servers agree, and whether one is behind; each told once."""

from __future__ import annotations

from watchtower.ledger.agreement import Agreement
from watchtower.ledger.events import LedgerClosed
from watchtower.ledger.health import (
    HealthEvent,
    ServerLagging,
    ServerRecovered,
    ServersDisagreed,
    Trouble,
)
from watchtower.units import Drops, LedgerIndex, RippleTime


def announced(
    agreement: Agreement, server: str, index: int, ledger_hash: str = "A", best: int | None = None
) -> list[HealthEvent]:
    """Announce one ledger."""
    closed = LedgerClosed(
        ledger_index=LedgerIndex(index),
        ledger_hash=ledger_hash,
        close_time=RippleTime(index),
        base_fee=Drops(10),
        reserve_base=Drops(1),
        reserve_increment=Drops(1),
    )
    known = None if best is None else LedgerIndex(best)
    return list(agreement.announced(server, closed, known))


def test_a_fork_is_told_once_and_its_end_too() -> None:
    """Every ledger of a fork differs, and one alarm is enough."""
    agreement = Agreement()
    announced(agreement, "a", 1)
    assert announced(agreement, "b", 1, "B") == [
        ServersDisagreed(ledger_index=LedgerIndex(1), hashes={"a": "A", "b": "B"})
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
    assert announced(Agreement(), "a", 50, best=100) == [
        ServerLagging(server="a", ledger_index=LedgerIndex(50), best=LedgerIndex(100))
    ]


def test_a_server_that_left_lags_no_more() -> None:
    """Its alarm is that it left."""
    agreement = Agreement()
    announced(agreement, "a", 50, best=100)
    assert list(agreement.left("a")) == [ServerRecovered(server="a", trouble=Trouble.LAGGING)]
    assert list(agreement.left("a")) == []


def test_memory_is_bounded() -> None:
    """Hashes of old ledgers are forgotten."""
    agreement = Agreement()
    for index in range(1_000):
        announced(agreement, "a", index)
    assert len(agreement._hashes) <= 64
