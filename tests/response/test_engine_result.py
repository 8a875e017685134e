"""What engine results ask of us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from watchtower.response.engine_result import Reaction, reaction_to

RECORDINGS = Path(__file__).parent.parent / "data" / "recordings"


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        ("tesSUCCESS", Reaction.WAIT),
        ("tecUNFUNDED_PAYMENT", Reaction.WAIT),
        ("terQUEUED", Reaction.WAIT),
        ("tefPAST_SEQ", Reaction.WAIT),
        ("tefMAX_LEDGER", Reaction.WAIT),
        ("terPRE_SEQ", Reaction.RESEND),
        ("telINSUF_FEE_P", Reaction.RAISE_FEE),
        ("telCAN_NOT_QUEUE_FULL", Reaction.RAISE_FEE),
        ("tefBAD_AUTH", Reaction.ALARM),
        ("tefMASTER_DISABLED", Reaction.ALARM),
        ("temBAD_SIGNATURE", Reaction.ALARM),
    ],
)
def test_result_asks_for_what_the_ledger_rules_say(code: str, reaction: Reaction) -> None:
    """Provisional words wait, local ones push, changed keys call a person."""
    assert reaction_to(code) is reaction


@pytest.mark.parametrize("code", ["", "x", "tezNEW", "success"])
def test_unknown_code_alarms_and_is_never_fatal(code: str) -> None:
    """A code of a later server is for a person to see, and for us to survive."""
    assert reaction_to(code) is Reaction.ALARM


def test_no_result_in_any_recording_is_unknown_to_its_family() -> None:
    """Every engine result that the real server gave has a family that we know."""
    codes: set[str] = set()
    for file in RECORDINGS.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            collect(json.loads(line), codes)
    assert len(codes) > 15
    assert {code[:3] for code in codes} <= {"tes", "tec", "ter", "tel", "tef", "tem"}


def collect(value: object, codes: set[str]) -> None:
    """Gather every engine result below ``value``."""
    if isinstance(value, dict):
        code = value.get("engine_result")
        if isinstance(code, str):
            codes.add(code)
        for inner in value.values():
            collect(inner, codes)
    elif isinstance(value, list):
        for inner in value:
            collect(inner, codes)
