"""What an attempt may cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.response.fees import FeeOffer, fee_for
from watchtower.units import Drops

drops = st.integers(10, 10_000_000).map(Drops)


def test_quiet_ledger_costs_the_base_fee() -> None:
    """Without escalation nothing is added."""
    offer = FeeOffer(base=Drops(10), open_ledger=Drops(10))
    assert fee_for(offer, at_stake=Drops(1_000), cap=Drops(100)) == 10


def test_escalated_fee_gets_a_fifth_more_because_it_moves_within_the_ledger() -> None:
    """What the fee request said a moment ago is no longer enough."""
    offer = FeeOffer(base=Drops(10), open_ledger=Drops(5_000))
    assert fee_for(offer, at_stake=Drops(1_000_000), cap=Drops(100_000)) == 6_000


@given(drops, drops, drops, drops, st.none() | drops)
def test_fee_never_exceeds_the_cap_or_reaches_the_stake(
    base: Drops, open_ledger: Drops, at_stake: Drops, cap: Drops, replaced: Drops | None
) -> None:
    """Whatever the servers ask, redeeming gains something and costs at most the cap."""
    offer = FeeOffer(base=base, open_ledger=open_ledger)
    fee = fee_for(offer, at_stake=at_stake, cap=cap, replaced=replaced)
    if fee is not None:
        assert fee <= cap
        assert fee < at_stake
        assert replaced is None or fee * 4 > replaced * 5
