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
        ("tecEXPIRED", Reaction.WAIT),
        ("tecNO_PERMISSION", Reaction.WAIT),
        ("terQUEUED", Reaction.QUEUED),
        ("tefALREADY", Reaction.WAIT),
        ("tefMAX_LEDGER", Reaction.WAIT),
        ("tefPAST_SEQ", Reaction.SETTLED),
        ("tefNO_TICKET", Reaction.SETTLED),
        ("terPRE_SEQ", Reaction.RETRY),
        ("terPRE_TICKET", Reaction.RETRY),
        ("terRETRY", Reaction.RETRY),
        ("telLOCAL_ERROR", Reaction.RETRY),
        ("telINSUF_FEE_P", Reaction.REPLAN),
        ("telCAN_NOT_QUEUE", Reaction.REPLAN),
        ("telCAN_NOT_QUEUE_FULL", Reaction.REPLAN),
        ("telCAN_NOT_QUEUE_FEE", Reaction.REPLAN),
        ("telCAN_NOT_QUEUE_BLOCKS", Reaction.REPLAN),
        ("telCAN_NOT_QUEUE_BLOCKED", Reaction.REPLAN),
        ("telCAN_NOT_QUEUE_BALANCE", Reaction.ALARM),
        ("telWRONG_NETWORK", Reaction.ALARM),
        ("telREQUIRES_NETWORK_ID", Reaction.ALARM),
        ("terINSUF_FEE_B", Reaction.ALARM),
        ("terNO_ACCOUNT", Reaction.ALARM),
        ("terNO_DELEGATE_PERMISSION", Reaction.ALARM),
        ("tecNO_DELEGATE_PERMISSION", Reaction.ALARM),
        ("tecINSUFF_FEE", Reaction.ALARM),
        ("tefBAD_AUTH", Reaction.ALARM),
        ("tefMASTER_DISABLED", Reaction.ALARM),
        ("tefBAD_QUORUM", Reaction.ALARM),
        ("temBAD_SIGNATURE", Reaction.ALARM),
        ("temMALFORMED", Reaction.ALARM),
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
