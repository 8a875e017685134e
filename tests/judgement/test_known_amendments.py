"""What a network has, or will have, that this version was not written with."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.judgement.known_amendments import UnknownAmendment, is_known, unknown_in
from watchtower.judgement.rules import amendment_id
from watchtower.ledger.events import END_OF_LEDGER, AmendmentsRead, Position
from watchtower.sandbox.rules import KNOWN_AMENDMENTS
from watchtower.units import LedgerIndex, RippleTime

AT = Position(LedgerIndex(107_540_993), END_OF_LEDGER)
NEW, NEWER = "E" * 64, "F" * 64
SEEN = {
    "21B8D2F76F68E11E9C077A43BBBC394136E9987E99DDB73966DD68419467E431": "fixCleanup3_2_0",
    "565B90CA1AB2B9D42208ED10884188C64F9E19083DECB9634AAF06EB03299509": "LendingProtocol",
    "950AE2EA4654E47F04AA8739C0B214E242097E802FD372D24047A89AB1F5EC38": "MPTokensV1",
}
"""As real servers name them (`feature`)."""


def read(
    *enabled: str, majorities: tuple[tuple[str, int], ...] = (), known: bool = True
) -> AmendmentsRead:
    """What was read of a network."""
    since = frozenset((amendment, RippleTime(at)) for amendment, at in majorities)
    return AmendmentsRead(enabled=frozenset(enabled) if known else None, at=AT, majorities=since)


def test_what_real_networks_have_is_known() -> None:
    """By the ids that they tell, and everything that the sandbox can enable."""
    assert all(is_known(amendment) for amendment in SEEN)
    assert all(is_known(amendment_id(name)) for name in KNOWN_AMENDMENTS)
    assert unknown_in(read(*SEEN, majorities=tuple((a, 7) for a in SEEN))) == []


def test_a_majority_says_when_it_is_enabled() -> None:
    """Two weeks after the ledger in which it was gained; what is enabled is not about to be."""
    majorities = ((NEWER, 100), (NEW, 200), (NEW[:-1] + "A", 50))
    assert unknown_in(read(NEW[:-1] + "A", majorities=majorities)) == [
        UnknownAmendment(NEW[:-1] + "A", None, None),
        UnknownAmendment(NEWER, None, RippleTime(100 + 1_209_600)),
        UnknownAmendment(NEW, None, RippleTime(200 + 1_209_600)),
    ]


def test_a_name_that_was_known_before_there_was_more_is_told() -> None:
    """Rippled has had its name for long, and nothing that could be looked at."""
    unfinished = amendment_id("MPTokensV2")
    assert unknown_in(read(unfinished)) == [UnknownAmendment(unfinished, "MPTokensV2", None)]


def test_nobody_can_tell_where_servers_contradict_each_other() -> None:
    """Not known is another answer than none."""
    assert unknown_in(read(known=False, majorities=((NEW, 7),))) is None


@given(
    enabled=st.frozensets(st.sampled_from([*SEEN, NEW, NEWER])),
    coming=st.dictionaries(st.sampled_from([*SEEN, NEW, NEWER]), st.integers(0, 2**32 - 1)),
)
def test_each_unknown_one_is_told_once_and_no_known_one_is(
    enabled: frozenset[str], coming: dict[str, int]
) -> None:
    """Whatever is enabled and about to be."""
    unknown = unknown_in(read(*enabled, majorities=tuple(coming.items())))
    assert unknown is not None
    told = [one.amendment for one in unknown]
    assert sorted(told) == sorted({NEW, NEWER} & (enabled | coming.keys()))
    assert {one.amendment for one in unknown if one.enabled_at is None} == enabled & {NEW, NEWER}
