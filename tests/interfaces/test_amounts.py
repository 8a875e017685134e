"""Amounts in JSON are text, and nothing else is."""

from __future__ import annotations

from watchtower.interfaces.amounts import amounts_as_text


def test_amounts_are_text_however_deep_and_nothing_else_is() -> None:
    """A reader that keeps 53 bits would lose drops of what it adds up; true is no amount."""
    told = {
        "at_stake": 10**17 + 1,
        "best_claim": None,
        "ledger_index": 7,
        "redeem": True,
        "paid": True,
        "exposure": {"limits": {"total": 5, "payer": None}, "payers": [{"at_stake": 3}]},
        "deadlines": [{"slack_seconds": 9, "at_stake": 0}],
    }
    assert amounts_as_text(told) == {
        "at_stake": "100000000000000001",
        "best_claim": None,
        "ledger_index": 7,
        "redeem": True,
        "paid": True,
        "exposure": {"limits": {"total": "5", "payer": None}, "payers": [{"at_stake": "3"}]},
        "deadlines": [{"slack_seconds": 9, "at_stake": "0"}],
    }
