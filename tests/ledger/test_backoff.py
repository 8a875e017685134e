"""Waits between attempts to connect."""

from __future__ import annotations

from typing import Final

from watchtower.ledger.backoff import Backoff
from watchtower.ledger.link import LinkSettings

LEDGER_SECONDS: Final = 5
"""At most, from one ledger to the next."""


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


def test_who_waits_to_connect_waits_a_ledger_at_most() -> None:
    """Whoever sleeps longer sleeps through the last three ledgers before a channel's end."""
    settings = LinkSettings()
    backoff = Backoff(first=settings.backoff_first, most=settings.backoff_most, luck=lambda: 1.0)
    assert max(backoff.next_wait() for _ in range(20)) <= LEDGER_SECONDS
