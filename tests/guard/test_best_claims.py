"""Best claims in little memory: what goes in comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guard.test_watch import entry
from watchtower.guard.best_claims import BestClaims
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.ledger.events import END_OF_LEDGER, Position
from watchtower.units import ChannelId, Drops, LedgerIndex

KNOWN, STRANGE = entry(1), ChannelId("F" * 64)
OTHER_KEY = "03" + "A" * 64


def channels() -> dict[ChannelId, Channel]:
    """One that is known."""
    at = Position(LedgerIndex(5), END_OF_LEDGER)
    return {KNOWN.channel: Channel(entry=KNOWN, as_of=at)}


CLAIMS = st.builds(
    Claim,
    channel=st.sampled_from([KNOWN.channel, STRANGE]),
    amount=st.integers(0, 10**17).map(Drops),
    public_key=st.sampled_from([KNOWN.public_key, OTHER_KEY]),
    # Also what no ledger would take: nothing that was kept may change here.
    signature=st.one_of(
        st.binary(max_size=80).map(lambda raw: raw.hex().upper()),
        st.sampled_from(["", "0", "ab", "AB CD", "30", "zz"]),
    ),
)


@given(st.lists(CLAIMS, max_size=12))
def test_a_claim_comes_out_as_it_went_in(claims: list[Claim]) -> None:
    """Whoever's key it names, however it is spelt, and whether its channel is known or not."""
    best, plain = BestClaims(channels()), {}
    for claim in claims:
        best[claim.channel] = plain[claim.channel] = claim
    assert dict(best) == plain
    assert len(best) == len(plain)
    for name in (KNOWN.channel, STRANGE):
        assert (name in best) == (name in plain)
        assert best.get(name) == plain.get(name)
        assert best.amount(name) == (plain[name].amount if name in plain else 0)


def test_what_is_dropped_is_gone_though_its_channel_went_before_it() -> None:
    """A channel that is closed is let go with its claim, in whichever order."""
    known = channels()
    claim = Claim(
        channel=KNOWN.channel, amount=Drops(5), public_key=KNOWN.public_key, signature="30AB"
    )
    best = BestClaims(known, [claim])
    known.clear()
    best.forget(KNOWN.channel)
    best.forget(KNOWN.channel)
    assert not best
    assert best.amount(KNOWN.channel) == 0
    with pytest.raises(KeyError):
        best[KNOWN.channel]
