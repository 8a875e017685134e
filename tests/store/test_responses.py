"""Attempts wait for their outcome, however long that takes."""

from __future__ import annotations

from pathlib import Path

from tests.store import make
from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt, Outcome, OutcomeKind
from watchtower.store.database import Store
from watchtower.store.work import Work


async def _settle(work: Work, attempt: Attempt, outcome: Outcome) -> bool:
    return await work.attempts.settle(attempt.account, attempt.seat, attempt.transaction, outcome)


async def test_an_attempt_without_outcome_survives_a_restart(tmp_path: Path) -> None:
    """Journal before act: what was on its way is found by the next start, oldest first."""
    later, earlier = make.attempt(1, seat=8, blob="12AA", at=101), make.attempt(2, blob="12BB")
    async with await make.store(tmp_path / "w.db") as store, store.write() as work:
        assert await work.attempts.put(later)
        assert await work.attempts.put(earlier)
    async with await make.reopen(tmp_path / "w.db") as store, store.read() as work:
        assert await work.attempts.unsettled() == [earlier, later]


async def test_two_transactions_on_one_seat_are_two_attempts(store: Store) -> None:
    """A sequence is used again after the first transaction lapsed; each has its own outcome."""
    first, second = make.attempt(blob="12AA"), make.attempt(blob="12BB", at=120)
    async with store.write() as work:
        assert await work.attempts.put(first)
        assert await _settle(work, first, make.outcome(OutcomeKind.REFUSED, 0))
        assert await work.attempts.put(second)
        assert await work.attempts.unsettled() == [second]
        kinds = [
            a.outcome and a.outcome.kind
            for a in await work.attempts.for_channel(make.channel_id(1))
        ]
        assert kinds == [OutcomeKind.REFUSED, None]


async def test_a_ticket_is_not_the_sequence_of_the_same_number(store: Store) -> None:
    """Seats are told apart by kind as well."""
    attempt = make.attempt(seat=7)
    async with store.write() as work:
        await work.attempts.put(attempt)
        ticket = Seat(7, is_ticket=True)
        told = await work.attempts.settle(
            attempt.account, ticket, attempt.transaction, make.outcome()
        )
        assert not told
        assert await work.attempts.unsettled() == [attempt]


async def test_putting_an_attempt_again_does_not_take_its_outcome_away(store: Store) -> None:
    """A replay after a crash finds the attempt known, settled or not."""
    attempt = make.attempt()
    async with store.write() as work:
        await work.attempts.put(attempt)
        assert not await work.attempts.put(attempt)
        await _settle(work, attempt, make.outcome())
        assert not await work.attempts.put(attempt)
        assert await work.attempts.unsettled() == []


async def test_a_proven_outcome_stays_and_an_unknown_one_may_be_proven(store: Store) -> None:
    """Proof is final (rule 4); not knowing is not."""
    attempt = make.attempt()
    async with store.write() as work:
        await work.attempts.put(attempt)
        assert await _settle(work, attempt, make.outcome(OutcomeKind.UNKNOWN, 0))
        assert not await _settle(work, attempt, make.outcome(OutcomeKind.UNKNOWN, 0))
        assert await _settle(work, attempt, make.outcome(OutcomeKind.PAID))
        assert not await _settle(work, attempt, make.outcome(OutcomeKind.CLOSED_UNPAID, 0))
        (found,) = await work.attempts.for_channel(make.channel_id(1))
    assert found.outcome == make.outcome(OutcomeKind.PAID)


async def test_attempts_are_found_by_their_channel_only(store: Store) -> None:
    """Open and settled ones alike."""
    one, two = make.attempt(1, blob="12AA"), make.attempt(2, blob="12BB")
    async with store.write() as work:
        await work.attempts.put(one)
        await work.attempts.put(two)
        await _settle(work, two, make.outcome())
        assert await work.attempts.for_channel(make.channel_id(1)) == [one]
        assert [a.blob for a in await work.attempts.for_channel(make.channel_id(2))] == ["12BB"]
        assert await work.attempts.for_channel(make.channel_id(3)) == []
        assert [a.blob for a in await work.attempts.load_all()] == ["12AA", "12BB"]


async def test_the_newest_attempts_are_found_among_thousands(store: Store) -> None:
    """Those without an outcome among them; how many there are is told, and others' are not."""
    mine = [make.attempt(1, seat=n, blob=f"12{n:04X}", at=100 + n) for n in range(1, 251)]
    others = [make.attempt(2, seat=n, blob=f"13{n:04X}", at=900 + n) for n in range(1, 9)]
    async with store.write() as work:
        await work.attempts.put_all([*mine, *others])
        for attempt in mine[:-1]:
            await _settle(work, attempt, make.outcome())
    async with store.read() as work:
        every = await work.attempts.for_channel(make.channel_id(1))
        newest, count = await work.attempts.newest_for_channel(make.channel_id(1), 20)
        assert await work.attempts.newest_for_channel(make.channel_id(3), 20) == ([], 0)
    assert count == len(every) == 250
    assert newest == every[:-21:-1]
    assert [attempt.outcome is None for attempt in newest[:2]] == [True, False]
