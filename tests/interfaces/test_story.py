"""A channel's story as a person reads it: every kind of entry that the house writes."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from watchtower.interfaces.story import entry_report, entry_text, in_order
from watchtower.judgement.channel_events import ChannelEvent
from watchtower.store.journal import Entry, NumberedEntry
from watchtower.units import ChannelId, LedgerIndex

HOUSE = Path(__file__).parent.parent.parent / "watchtower"
TIME = 820_540_801
OF_THE_STORE = {
    "account_altered",
    "census_pinned",
    "head_back",
    "identity_made",
    "key_derived",
    "key_imported",
    "key_removed",
    "key_retired",
    "store_rebuilt",
    "store_restored",
}
"""Kinds about no channel, which no story of a channel has."""


def numbered(kind: str, **facts: Any) -> NumberedEntry:
    """An entry of the journal."""
    entry = Entry(
        identity="1",
        kind=kind,
        channel=ChannelId("A" * 64),
        ledger_index=LedgerIndex(85),
        facts=facts,
        written=1_767_225_601_000,
    )
    return NumberedEntry(number=7, entry=entry)


COSIGNED = {"account": "rP", "sequence": 3, "target": 10, "fee": 30, "last_ledger": 90}

TOLD: list[tuple[str, dict[str, Any], str]] = [
    ("channel_opened", {}, "channel opened"),
    ("claim_kept", {"amount": 1_500_000, "rescued": True}, "1.5 XRP, its signature put right"),
    ("claim_pending", {"amount": 10, "rescued": False}, "0.00001 XRP"),
    (
        "claim_kept",
        {"amount": 9, "rescued": False, "claims": 3},
        "0.000009 XRP, the highest of 3 claims that came together",
    ),
    ("claim_refused", {"amount": 10, "why": "No channel."}, "No channel."),
    ("close_requested", {"expiration": TIME}, "expires at 2026-01-01T00:00:01Z"),
    ("expiration_moved", {"before": TIME, "after": TIME + 1}, "to 2026-01-01T00:00:02Z"),
    ("renewed", {}, "renewed"),
    ("channel_reappeared", {}, "channel reappeared"),
    ("funded", {"drops": 1_000_000, "amount": 3_000_000}, "1 XRP more, 3 XRP in all"),
    ("paid", {"drops": 1_000_000, "balance": 3_000_000}, "1 XRP, 3 XRP in all"),
    ("channel_closed", {"paid": 1_000_000, "returned": 2_000_000}, "2 XRP went back"),
    ("channel_closed", {"paid": None, "returned": None}, "not known yet"),
    ("judged", {"verdict": "Watching", "sentence": "All is well."}, "watching. All is well."),
    (
        "attempt_made",
        {"target": 10, "fee": 12, "sequence": 3, "last_ledger": 90, "transaction": "B" * 64},
        "fee 12 drops, sequence 3, good until ledger 90",
    ),
    (
        "attempt_settled",
        {"outcome": "closed_unpaid", "paid": 0, "why": "too late", "transaction": "B" * 64},
        "closed unpaid, 0 XRP; too late",
    ),
    (
        "attempt_made",
        {"target": 10, "fee": 12, "ticket": 3, "last_ledger": 90, "transaction": "B" * 64},
        "fee 12 drops, ticket 3, good until ledger 90",
    ),
    (
        "foreign_transaction",
        {"transaction": "B" * 64, "who": "its delegate did", "unpaid": 1_000_000},
        "its delegate did; 1 XRP unpaid behind it",
    ),
    ("left", {"why": "dust", "at_stake": 10}, "0.00001 XRP at stake, which is not worth its fee"),
    ("left", {"why": "daily cap", "at_stake": 10}, "fees have reached what they may cost in a day"),
    (
        "attempt_made",
        {
            "purpose": "finalise",
            "target": 10,
            "fee": 12,
            "sequence": 3,
            "last_ledger": 90,
            "transaction": "B" * 64,
        },
        "attempt made: to finalise it, fee 12 drops, sequence 3, good until ledger 90",
    ),
    (
        "foreign_claim",
        {"amount": 5_000_000, "signed": 4_000_000, "transaction": None},
        "5 XRP, and only 4 XRP are registered as signed; seen by the balance alone",
    ),
    (
        "foreign_claim",
        {"amount": 5_000_000, "signed": 4_000_000, "transaction": "B" * 64},
        "registered as signed; presented by BBBB",
    ),
    ("judged_outgoing", {"standing": "open", "sentence": "All is well."}, "open. All is well."),
    (
        "would_redeem",
        {"purpose": "finalise", "target": 10, "at_stake": 10, "fee": 12},
        "to finalise it, fee 12 drops (shadow mode: nothing was sent)",
    ),
    ("would_redeem", {"target": 10, "at_stake": 10, "fee": 12}, "nothing was sent"),
    (
        "cosign_asked",
        {**COSIGNED, "asked": ["rB", "rC"]},
        "sequence 3, good until ledger 90; asked rB, rC",
    ),
    (
        "multisigned",
        {**COSIGNED, "signers": ["rA", "rB"], "refused": {"rC": "no"}},
        "fee 30 drops, sequence 3, good until ledger 90; signed by rA, rB; rC refused: no",
    ),
    ("cosigned", COSIGNED, "cosigned for another tower: up to 0.00001 XRP, fee 30 drops"),
    (
        "cosign_waits",
        {"request": "abcd", "last_ledger": 90},
        "request abcd waits for a person, until ledger 90",
    ),
    (
        "cosign_answered",
        {"request": "abcd", "signer": "rB", "transaction": "B" * 64},
        "rB signed request abcd, complete as BBBB",
    ),
    ("cosign_answered", {"request": "abcd", "signer": "rB"}, "rB signed request abcd"),
    (
        "cosign_unfit",
        {"signers": ["rA", "rB"], "result": "tefBAD_SIGNATURE", "transaction": "CD" * 32},
        "servers refuse what rA and rB signed together (tefBAD_SIGNATURE)",
    ),
    ("of_a_later_version", {"colour": "blue"}, "colour blue"),
]


@pytest.mark.parametrize(("kind", "facts", "told"), TOLD)
def test_entry_is_told_in_a_line_with_its_time_and_ledger(
    kind: str, facts: dict[str, Any], told: str
) -> None:
    """Also one of a kind that this version does not know."""
    line = entry_text(numbered(kind, **facts))
    assert line.startswith("2026-01-01T00:00:01Z  ledger 85")
    assert told in line
    assert "\n" not in line


def test_entry_in_json_has_its_facts_as_they_are() -> None:
    """Drops stay drops for a program."""
    assert entry_report(numbered("claim_kept", amount=10)) == {
        "number": 7,
        "ledger": 85,
        "written": "2026-01-01T00:00:01Z",
        "kind": "claim_kept",
        "amount": 10,
    }


STORY = (
    ("channel_opened", 80, ["channel_opened"]),
    ("attempt_made", 85, ["channel_opened", "attempt_made"]),
    ("claim_kept", None, ["channel_opened", "attempt_made", "claim_kept"]),
    (
        "judged",
        85,
        ["channel_opened", "attempt_made", "claim_kept", "judged"],
    ),
    (
        "close_requested",
        85,
        ["channel_opened", "close_requested", "attempt_made", "claim_kept", "judged"],
    ),
)


@pytest.mark.parametrize("written", range(1, len(STORY) + 1))
def test_attempt_is_told_behind_the_close_request_that_it_answers(written: int) -> None:
    """It is written first, for it is more urgent; a claim's judgement stays behind the claim."""
    story = [
        at(number, kind, ledger) for number, (kind, ledger, _) in enumerate(STORY[:written], 1)
    ]
    assert [each.entry.kind for each in in_order(story)] == STORY[written - 1][2]


def test_what_a_ledger_told_late_is_told_where_it_belongs() -> None:
    """A judgement of the same ledger stands between what the ledger told and what was done."""
    story = [
        at(1, "paid", 90),
        at(2, "attempt_made", 91, transaction="A"),
        at(3, "attempt_settled", 92, transaction="A"),
        at(4, "judged", 91),
        at(5, "funded", 91),
        at(6, "paid", 92),
    ]
    assert [each.number for each in in_order(story)] == [1, 5, 4, 2, 6, 3]


def test_attempt_is_told_between_the_outcome_that_asked_for_it_and_its_own() -> None:
    """The one before was refused, so there is another; a seat that was gone settles one at once."""
    story = [
        at(1, "attempt_made", 85, transaction="A"),
        at(2, "attempt_made", 93, transaction="B"),
        at(3, "attempt_settled", 93, transaction="A"),
        at(4, "attempt_settled", 93, transaction="B"),
    ]
    assert [each.number for each in in_order(story)] == [1, 3, 2, 4]


def test_every_kind_that_a_ledger_tells_is_told_before_what_was_done() -> None:
    """A new event of channels would otherwise be told behind the answer to it."""
    events = {name(kind.__name__) for kind in get_args(ChannelEvent)}
    for kind in events | {"foreign_transaction"}:
        story = [at(1, "attempt_made", 85), at(2, kind, 85)]
        assert [each.number for each in in_order(story)] == [2, 1], kind


def at(number: int, kind: str, ledger: int | None, **facts: Any) -> NumberedEntry:
    """An entry of the journal, in its place."""
    told = numbered(kind, **facts)
    index = None if ledger is None else LedgerIndex(ledger)
    return replace(told, number=number, entry=replace(told.entry, ledger_index=index))


def test_every_kind_about_a_channel_that_is_written_is_among_those_told() -> None:
    """A new entry without a sentence would be told as bare facts."""
    told = {kind for kind, _, _ in TOLD}
    events = {name(kind.__name__) for kind in get_args(ChannelEvent)}
    assert events | written_kinds() - OF_THE_STORE <= told


def name(camel: str) -> str:
    """An event's name as the journal has it."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in camel)[1:]


def written_kinds() -> set[str]:
    """Every kind that the code writes by name, in `append` and `note`."""
    kinds = set()
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                first = node.args[0] if node.args else None
                if node.func.attr in {"append", "note"} and isinstance(first, ast.Constant):
                    receiver = ast.unparse(node.func.value)
                    if receiver.endswith(("journal", "changes")):
                        kinds.add(str(first.value))
    return kinds
