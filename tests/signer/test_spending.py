"""What a day's signatures can cost is bounded, however they are asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.signer.spending import Day, DayLimits, Draft, seat_of
from watchtower.units import Address, Drops

ACCOUNTS = (
    Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"),
    Address("rG31cLyErnqeVj2eomEjBZtq7PYaupGYzL"),
)
ASKED = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(["sequence", "ticket"]),
        st.integers(1, 6),
        st.integers(1, 40).map(Drops),
    ),
    max_size=60,
)


@given(asked=ASKED, cap=st.integers(1, 120), most=st.integers(1, 30), cut=st.integers(1, 10))
def test_the_highest_fees_of_all_seats_are_within_the_cap(
    asked: list[tuple[Address, Address, str, int, Drops]], cap: int, most: int, cut: int
) -> None:
    """For whoever pays, over many requests; and nothing is refused that would have fitted."""
    day, limits = Day(1), DayLimits(fees=Drops(cap), signatures=most)
    worst: dict[tuple[Address, Address, str, int], int] = {}
    signatures = dict.fromkeys(ACCOUNTS, 0)
    for first in range(0, len(asked), cut):
        draft = Draft(day, limits)
        for payer, account, kind, number, fee in asked[first : first + cut]:
            seat = (payer, account, kind, number)
            then = {**worst, seat: max(fee, worst.get(seat, 0))}
            total = sum(drops for (whose, *_), drops in then.items() if whose == payer)
            fits = total <= cap and signatures[payer] < most
            assert (draft.why_not(seat, fee) is None) == fits
            if fits:
                draft.signed(seat, fee)
                worst = then
                signatures[payer] += 1
        draft.commit()
    assert day.fees == worst


@given(asked=ASKED)
def test_a_draft_that_is_not_committed_leaves_no_trace(
    asked: list[tuple[Address, Address, str, int, Drops]],
) -> None:
    """What could not be written down was not signed, and costs nothing."""
    day = Day(1)
    draft = Draft(day, DayLimits(fees=Drops(10_000), signatures=1_000))
    for payer, account, kind, number, fee in asked:
        draft.signed((payer, account, kind, number), fee)
    assert day == Day(1)


def test_a_seat_is_a_ticket_where_there_is_one() -> None:
    """Sequence 0 goes with every ticket; a delegate pays, and the seat is the payee's."""
    payee, delegate = ACCOUNTS
    base = {"Account": payee, "Sequence": 0}
    assert seat_of({**base, "TicketSequence": 5}) == (payee, payee, "ticket", 5)
    assert seat_of({**base, "Sequence": 6}) == (payee, payee, "sequence", 6)
    assert seat_of({**base, "Sequence": 6}, payer=delegate) == (delegate, payee, "sequence", 6)
