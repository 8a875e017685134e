"""The rules of a network: chosen by its amendments, strict wherever they are not known."""

from __future__ import annotations

import pytest

from watchtower.judgement.channel import Channel, Phase, phase
from watchtower.judgement.judge import judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import SettleDelayWraps, unprotectable
from watchtower.judgement.rules import STRICT, ChannelRules, rules_of, rules_of_note
from watchtower.judgement.verdict import Expired
from watchtower.ledger.events import ChannelEntry, Position
from watchtower.sandbox.hashing import amendment_id
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

CLEANUP = "21B8D2F76F68E11E9C077A43BBBC394136E9987E99DDB73966DD68419467E431"
BEFORE, CLEANED_UP = rules_of(frozenset()), rules_of(frozenset({CLEANUP}))
END = RippleTime(820_000_000)


def channel(settle_delay: int = 3600) -> Channel:
    """A channel that was asked to close, and ends at `END`."""
    entry = ChannelEntry(
        channel=ChannelId("A" * 64),
        source=Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK"),
        destination=Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
        amount=Drops(100),
        balance=Drops(0),
        public_key="02" + "0" * 64,
        settle_delay=settle_delay,
        expiration=END,
    )
    return Channel(entry=entry, as_of=Position(LedgerIndex(9), 0))


@pytest.mark.parametrize("rules", [STRICT, BEFORE, CLEANED_UP])
def test_around_its_end_only_the_second_itself_depends_on_the_rules(rules: ChannelRules) -> None:
    """Before it nobody says expired, behind it everybody does."""
    assert phase(channel(), RippleTime(END - 1), rules) is Phase.CLOSING
    assert phase(channel(), RippleTime(END + 1), rules) is Phase.EXPIRED
    at_the_end = phase(channel(), END, rules)
    assert (at_the_end is Phase.EXPIRED) == (rules is not CLEANED_UP)
    verdict = judge(channel(), None, ledger_time=END, policy=Policy(), rules=rules).verdict
    assert isinstance(verdict, Expired) == (at_the_end is Phase.EXPIRED)


@pytest.mark.parametrize("rules", [STRICT, BEFORE, CLEANED_UP])
def test_a_settle_delay_is_promised_only_where_it_is_known_to_saturate(rules: ChannelRules) -> None:
    """Where it may wrap, two close requests in one ledger leave no window at all."""
    reasons = unprotectable(
        channel(2**32 - 1).entry,
        ledger_time=RippleTime(END - 1000),
        policy=Policy(),
        payee_exists=True,
        rules=rules,
    )
    wraps = any(isinstance(reason, SettleDelayWraps) for reason in reasons)
    assert wraps == (rules is not CLEANED_UP)


def test_unknown_rules_are_the_worst_of_each() -> None:
    """Every question that a network may answer either way is answered against us."""
    assert rules_of(None) == STRICT
    for other in (BEFORE, CLEANED_UP, rules_of({CLEANUP, amendment_id("PermissionDelegation")})):
        assert STRICT.expires_at_its_end >= other.expires_at_its_end
        assert STRICT.settle_delay_wraps >= other.settle_delay_wraps
        assert STRICT.stripping_burns_the_seat >= other.stripping_burns_the_seat
        assert STRICT.delegates_act >= other.delegates_act


@pytest.mark.parametrize("name", ["PermissionDelegation", "PermissionDelegationV1_1"])
def test_delegation_is_known_by_either_of_its_names(name: str) -> None:
    """The amendment was replaced once."""
    assert rules_of({amendment_id(name)}).delegates_act
    assert not BEFORE.delegates_act
    assert "with delegation" in rules_of({amendment_id(name)}).sentence
    assert "unknown" in STRICT.sentence


@pytest.mark.parametrize("rules", [STRICT, BEFORE, CLEANED_UP])
def test_rules_that_were_written_down_are_read_back_as_they_were(rules: ChannelRules) -> None:
    """A command judges as the daemon does."""
    assert rules_of_note(rules.note) == rules


@pytest.mark.parametrize(
    "note",
    [
        None,
        "with fixCleanup3_2_0",
        {},
        {"known": True},
        {**CLEANED_UP.note, "settle_delay_wraps": 0},
        {**CLEANED_UP.note, "a_rule_of_a_later_version": False},
    ],
)
def test_note_of_rules_that_is_odd_in_any_way_makes_them_strict(note: object) -> None:
    """Also one that another version wrote."""
    assert rules_of_note(note) is STRICT
