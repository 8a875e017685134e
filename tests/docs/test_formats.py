"""The formats that others read and write are those of the code."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from tests.architecture.sources import read_house
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity
from watchtower.claims.answer import Answer
from watchtower.claims.decision import (
    Decision,
    DoNotServe,
    Kept,
    NotAbove,
    NotKept,
    Serve,
    Standing,
)
from watchtower.claims.message import parse_claim_json
from watchtower.claims.receipt import ReceiptMessage
from watchtower.judgement.claim import Claim
from watchtower.judgement.verdict import Verdict
from watchtower.response.attempt import OutcomeKind
from watchtower.store.backups import form
from watchtower.store.head import HeadMessage
from watchtower.store.proof import _Message as ProofMessage
from watchtower.store.tables import CENSUS, HEADER, SEALED_TABLES, SLOTS
from watchtower.units import ChannelId, Drops

DOCS = Path(__file__).parents[2] / "docs"
CLAIM = Claim(channel=ChannelId("A" * 64), amount=Drops(7), public_key="ED", signature="00")


def section(title: str, document: str = "formats.md") -> str:
    """Return what stands under a heading of the second level."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(text: str) -> set[str]:
    """Return every name in the first column of the tables of ``text``."""
    names: set[str] = set()
    for row in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE):
        names |= set(re.findall(r"`(\w+)`", row))
    return names


def test_the_example_of_a_claim_can_be_read() -> None:
    """Once its shortened signature is spelt out, it is a claim of 1.5 XRP."""
    (line,) = re.findall(r"^\{.*\}$", section("A claim, as it is handed to us"), re.MULTILINE)

    assert parse_claim_json(line.replace("3045…", "3045")).amount == 1_500_000


def test_an_answer_has_the_fields_that_are_documented() -> None:
    """Of a claim that was kept, rescued and refused together: every field there can be."""
    served = Decision(kept=Kept(claim=CLAIM, rescued=True), serve=Serve())
    refused = Decision(
        kept=NotKept(why=NotAbove(channel=CLAIM.channel, amount=Drops(7), best=Drops(9))),
        serve=DoNotServe(reasons=(Standing.CLOSED,)),
    )
    fields: set[str] = set()
    for decision in (served, refused):
        fields |= Answer(claim=CLAIM, decision=decision, best=Drops(9)).report().keys()

    # `channel` and `amount` are the claim's own; the command numbers lines, and adds the receipt.
    expected = fields - {"channel", "amount"} | {"line", "receipt"}
    assert first_column(section("The answer to a claim")) == expected


def test_the_fields_of_a_receipt_are_documented() -> None:
    """Whoever verifies one without us needs each of them."""
    documented = first_column((DOCS / "receipts.md").read_text(encoding="utf-8"))
    assert documented == set(ReceiptMessage.__struct_fields__)


def test_an_alarm_has_the_fields_and_kinds_that_are_documented() -> None:
    """What a command reads and a webhook gets."""
    alarm = Alarm(name="x", subject="y", severity=Severity.INFO, sentence="z")
    report = Notice(kind=NoticeKind.RAISED, alarm=alarm).report()
    text = section("An alarm")

    assert first_column(text) == report.keys()
    for value in (*NoticeKind, *Severity):
        assert f"`{value}`" in text


def answered(module: str, function: str) -> set[str]:
    """Return the outer keys of the mapping that a function returns, by its source."""
    for node in ast.walk(read_house()[module]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function:
            mappings = [
                inner.value
                for inner in ast.walk(node)
                if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Dict)
            ]
            return {
                key.value
                for mapping in mappings
                for key in mapping.keys
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    raise AssertionError(function)


def test_a_channel_is_answered_with_the_fields_that_are_documented() -> None:
    """Of the channel itself, and of the attempts in its explanation."""
    text = section("A channel")

    parts = ("_entry_report", "_payee_report", "_payer_report")
    told = set[str]().union(*(answered("interfaces.channel_view", part) for part in parts))
    assert first_column(text) == told
    attempts = re.search(r"`attempts` \((.*?)\)", text)
    assert attempts is not None
    assert set(re.findall(r"`(\w+)`", attempts[1])) == answered("cli.explain", "_attempt")


def test_the_status_has_the_fields_that_are_documented() -> None:
    """What the daemon says, what the command adds, and what is written with the daemon's word."""
    said = (
        answered("tower.tending", "status")
        | answered("tower.bulletin", "bulletin")
        | answered("cli.status", "look")
        | answered("interfaces.store_report", "store_report")
        | answered("interfaces.status_answer", "told")
    )

    assert first_column(section("The status")) == said | {"written", "stopped"}


def test_the_store_has_the_tables_that_are_documented() -> None:
    """Every sealed table by its name; the columns of all."""
    text = section("The store")
    listed = re.search(r"They are (.*?)\.\n", text)
    assert listed is not None

    assert re.findall(r"`(\w+)`", listed[1]) == [
        *(table.name for table in SEALED_TABLES),
        CENSUS.name,
    ]
    for table in (HEADER, SLOTS, *SEALED_TABLES):
        for column in table.columns:
            assert column.name == "id" or f"`{column.name}`" in text, (table.name, column.name)


def test_a_backup_has_the_head_and_the_frames_that_are_documented() -> None:
    """The fields of its head, and what each frame consists of."""
    tables = section("A backup").split("| array | means |")
    head = tables[0].partition("| head | means |")[2]
    frames = [
        json.loads(re.sub(r"\b([a-z_]+)\b(?!\")", r'"\1"', shown.replace("…", '"…"')))
        for shown in re.findall(r"^\| `(\[.*\])` \|", tables[1], re.MULTILINE)
    ]

    assert first_column(head) == set(form.Head.__struct_fields__)
    kinds = (form.Opening, form.Written, form.Removed, form.Closing)
    assert [(frame[0], len(frame) - 1) for frame in frames] == [
        (kind.__struct_config__.tag, len(kind.__struct_fields__)) for kind in kinds
    ]


def test_a_head_and_a_proof_have_the_fields_that_are_documented() -> None:
    """Others verify them, with nothing but the document at hand."""
    assert first_column(section("A head")) == set(HeadMessage.__struct_fields__)
    assert first_column(section("A proof of a line")) == set(ProofMessage.__struct_fields__)


def test_the_glossary_has_every_verdict_and_outcome() -> None:
    """One word for one thing, and the list is complete."""
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")

    for verdict in Verdict.__args__:
        assert f"*{verdict.__name__.lower()}*" in text
    for outcome in OutcomeKind:
        assert f"*{outcome.value.replace('_', ' ')}*" in text


def test_every_ledger_rule_is_held_by_something() -> None:
    """No row of the ledger's rules ends in nothing."""
    text = (DOCS / "ledger-rules.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    headings = {"rule"}

    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if cells[0] not in headings:
            assert cells[-1], row
