"""Every alarm of the house names itself, its subject, and what to do."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from watchtower.alerts import (
    catalogue,
    of_authority,
    of_backups,
    of_bundles,
    of_certificates,
    of_cosigners,
    of_delegation,
    of_doors,
    of_drills,
    of_exposure,
    of_heads,
    of_keys,
    of_network,
    of_payers,
    of_recovery,
    of_routes,
    of_settings,
    of_signers,
    of_slack,
    of_space,
)
from watchtower.alerts.rules import Alarm, Severity

ACCOUNT = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
EXAMPLES: dict[str, Any] = {
    "account": ACCOUNT,
    "amendment": "D" * 64,
    "allowed": 1_000_000,
    "amount": 5_000_000,
    "at_stake": 1_500_000,
    "available": 52_428_800,
    "ahead": 7,
    "at": "2027-03-01T12:00:00+00:00",
    "balance": 900_000,
    "behind": 7,
    "broker": "mqtts://broker.example:8883",
    "channel": "C" * 64,
    "channels": 12,
    "changes": 9,
    "days": 7,
    "deadline": 0,
    "delegate": ACCOUNT,
    "enabled_at": 820_540_800,
    "entries": 5,
    "files": 65_000,
    "first": 3,
    "found": 1,
    "held": 1,
    "hours": 50,
    "is_urgent": False,
    "last": 5,
    "last_ledger": 99,
    "ledgers": 40,
    "left": 10,
    "ledger_index": 9,
    "missing": {"wss://one": "it is not connected"},
    "name": "MPTokensV2",
    "needed": 2_000_000,
    "other": "wss://two",
    "pace": (36_000.0, 86_400.0),
    "paid": 2_500_000,
    "place": "/run/watchtower-signer/socket",
    "promised": True,
    "ours": 1_000_000,
    "path": "/var/lib/watchtower/watchtower.db",
    "reserve": 16_777_216,
    "result": "tefBAD_AUTH",
    "seconds": 20.0,
    "minutes": 7,
    "known": "3.4.1",
    "release": "3.5.0",
    "route": "webhook ops.example",
    "server": "wss://one",
    "signed": 4_000_000,
    "short": 800_000,
    "slack": 1_500,
    "shortest": 900,
    "spendable": 12,
    "subject": ACCOUNT,
    "theirs": 500_000,
    "transaction": "A" * 64,
    "unpaid": 3_500_000,
    "unprotected": 1_000_000,
    "until": "2027-03-01T12:00:00Z",
    "wanted": 0,
    "what": "redeem",
    "whys": {"wss://one": "refused", "wss://two": "refused"},
    "window": 3_480,
    "why": "no space left on device",
}


FILES = (
    catalogue,
    of_authority,
    of_backups,
    of_bundles,
    of_certificates,
    of_cosigners,
    of_delegation,
    of_doors,
    of_drills,
    of_exposure,
    of_heads,
    of_keys,
    of_network,
    of_payers,
    of_recovery,
    of_routes,
    of_settings,
    of_signers,
    of_slack,
    of_space,
)
NAMES = sorted(name for file in FILES for name in file.__all__)


def maker(name: str) -> Any:
    """Return the function that makes the alarm of that name."""
    return next(getattr(file, name) for file in FILES if name in file.__all__)


def example(name: str) -> Alarm:
    """Return the alarm that the catalogue makes under ``name``, of example facts."""
    make = maker(name)
    facts = {parameter: EXAMPLES[parameter] for parameter in inspect.signature(make).parameters}
    first = next(iter(facts), None)
    alarm = (
        make(*([facts.pop(first)] if first else []), **facts)
        if _positional(make)
        else (make(**facts))
    )
    assert isinstance(alarm, Alarm)
    return alarm


def _positional(make: Any) -> bool:
    kinds = [parameter.kind for parameter in inspect.signature(make).parameters.values()]
    return bool(kinds) and kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_is_called_what_its_function_is_called(name: str) -> None:
    """Whoever greps for the name in the log finds the code."""
    alarm = example(name)

    assert alarm.name == name
    assert alarm.subject


def test_a_fork_names_a_restore_as_what_it_may_be() -> None:
    """Who has restored a backup is not to look for a second tower at night."""
    sentence = of_heads.store_forked("there").sentence

    assert "restored this store from a backup" in sentence
    assert "`watchtower head accept`" in sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_sentence_says_what_is_the_matter_and_what_to_do(name: str) -> None:
    """Two sentences at least, all facts in them, none left as a placeholder."""
    sentence = example(name).sentence

    assert sentence.count(". ") >= 1
    assert sentence.endswith(".")
    assert "{" not in sentence
    make = maker(name)
    if "why" in inspect.signature(make).parameters:
        assert EXAMPLES["why"] in sentence


@pytest.mark.parametrize(
    ("name", "amount"),
    [
        ("channel_unprotectable", "1.5 XRP"),
        ("close_requested", "1.5 XRP"),
        ("exposure_limit_reached", "1.5 XRP"),
        ("redeemed", "2.5 XRP"),
        ("lost", "3.5 XRP"),
        ("foreign_claim_key", "5 XRP"),
        ("fee_money_low", "0.000012 XRP"),
        ("ticket_pool_short", "0.8 XRP"),
    ],
)
def test_amounts_are_written_for_people(name: str, amount: str) -> None:
    """Drops are for programs."""
    assert amount in example(name).sentence


def test_what_loses_money_or_sight_is_urgent() -> None:
    """These wake somebody up; everything else waits for the morning."""
    urgent = {name for name in NAMES if example(name).severity is Severity.URGENT}

    assert urgent == {
        "authority_lost",
        "cosigner_faulty",
        "bundle_dead",
        "cursor_stuck",
        "daily_cap_reached",
        "delegate_money_low",
        "head_gone",
        "head_not_comparable",
        "head_of_another_store",
        "head_tampered",
        "store_forked",
        "store_older_than_head",
        "delegation_missing",
        "disk_full",
        "drill_failed",
        "disk_read_only",
        "foreign_claim_key",
        "foreign_close",
        "hsm_does_not_sign",
        "key_missing",
        "lost",
        "no_right",
        "no_server",
        "person_needed",
        "quorum_missing",
        "result_alarming",
        "server_wrong_network",
        "servers_disagree",
        "signer_capped",
        "signer_unreachable",
        "store_not_writing",
    }


def test_two_payments_are_two_happenings() -> None:
    """A happening is known by its transaction, so that a second one of a channel is told too."""
    one = catalogue.redeemed(
        EXAMPLES["channel"], paid=EXAMPLES["paid"], transaction=EXAMPLES["transaction"]
    )
    two = catalogue.redeemed(
        EXAMPLES["channel"], paid=EXAMPLES["paid"], transaction=EXAMPLES["channel"]
    )

    assert one.subject != two.subject
