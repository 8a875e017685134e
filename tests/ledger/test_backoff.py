"""Waits between attempts to connect."""

from __future__ import annotations

from watchtower.ledger.backoff import Backoff


def test_waits_double_up_to_the_most_and_begin_again() -> None:
    """The bound doubles with every failure, and falls back once a connection bore fruit."""
    backoff = Backoff(first=0.5, most=3.0, luck=lambda: 1.0)
    assert [backoff.next_wait() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next_wait() == 0.5


def test_jitter_is_full() -> None:
    """Luck decides anywhere between nothing and the bound."""
    luck = iter([0.0, 0.5, 0.25])
    backoff = Backoff(first=1.0, most=8.0, luck=lambda: next(luck))
    assert [backoff.next_wait() for _ in range(3)] == [0.0, 1.0, 1.0]
