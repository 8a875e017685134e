"""Seats: tickets first, sequences without holes, and never one twice."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.response.attempts import PAYEE, attempt
from watchtower.ledger.events import Seat
from watchtower.response.seats import Seats


def seats(*taken: Seat, sequence: int | None = 7, tickets: tuple[int, ...] = ()) -> Seats:
    """The seats of one account whose attempts under way have taken some."""
    return Seats(
        [attempt(number, seat) for number, seat in enumerate(taken, start=1)],
        next_sequence={} if sequence is None else {PAYEE: sequence},
        tickets={PAYEE: tickets},
    )


def test_ticket_is_taken_before_a_sequence_and_the_lowest_of_them_first() -> None:
    """What stands on a ticket waits for nobody."""
    free = seats(tickets=(12, 11))
    for expected in (Seat(11, is_ticket=True), Seat(12, is_ticket=True), Seat(7), Seat(8)):
        seat = free.best(PAYEE)
        assert seat == expected
        free.take(PAYEE, seat)


def test_sequences_are_filled_upwards_without_holes() -> None:
    """A hole would hold up every seat behind it."""
    free = seats(Seat(8))
    taken = []
    for _ in range(3):
        seat = free.sequence(PAYEE)
        assert seat is not None
        free.take(PAYEE, seat)
        taken.append(seat.number)
    assert taken == [7, 9, 10]


def test_ticket_that_an_attempt_is_on_is_not_given_away_again() -> None:
    """Two attempts on one ticket exclude each other."""
    free = seats(Seat(11, is_ticket=True), tickets=(11, 12))
    assert free.ticket(PAYEE) == Seat(12, is_ticket=True)


def test_account_whose_sequence_nobody_tells_is_still_served_on_tickets() -> None:
    """Servers that refuse to tell must not keep a redemption from the ledger."""
    free = seats(sequence=None, tickets=(11,))
    assert free.best(PAYEE) == Seat(11, is_ticket=True)
    free.take(PAYEE, Seat(11, is_ticket=True))
    assert free.best(PAYEE) is None


class SeatsOfAnAccount(RuleBasedStateMachine):
    """Whatever is taken, replaced and asked for, no free seat was ever taken before."""

    @initialize(
        taken=st.sets(st.integers(5, 20), max_size=8),
        on_tickets=st.sets(st.integers(30, 40), max_size=5),
        tickets=st.sets(st.integers(30, 40), max_size=8),
        sequence=st.integers(5, 12),
    )
    def begin(
        self, taken: set[int], on_tickets: set[int], tickets: set[int], sequence: int
    ) -> None:
        """Begin with attempts under way on some seats."""
        under_way = {Seat(n) for n in taken} | {Seat(n, is_ticket=True) for n in on_tickets}
        self.sequence = sequence
        self.tickets = tickets
        self.taken = set(under_way)
        self.free = Seats(
            [attempt(number, seat) for number, seat in enumerate(sorted(under_way), start=1)],
            next_sequence={PAYEE: sequence},
            tickets={PAYEE: tickets},
        )

    @rule()
    def take_the_best(self) -> None:
        """Seat one more attempt."""
        seat = self.free.best(PAYEE)
        assert seat is not None
        assert seat not in self.taken
        assert seat.is_ticket or not self.tickets - {s.number for s in self.taken if s.is_ticket}
        self.free.take(PAYEE, seat)
        self.taken.add(seat)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def replace(self, data: st.DataObject) -> None:
        """A replacement takes a seat that was taken before."""
        self.free.take(PAYEE, data.draw(st.sampled_from(sorted(self.taken))))

    @invariant()
    def lowest_free_sequence_leaves_no_hole(self) -> None:
        """Every sequence below the free one is taken."""
        if not hasattr(self, "free"):
            return
        seat = self.free.sequence(PAYEE)
        assert seat is not None
        assert seat not in self.taken
        assert all(Seat(n) in self.taken for n in range(self.sequence, seat.number))


TestSeatsOfAnAccount = SeatsOfAnAccount.TestCase
TestSeatsOfAnAccount.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
