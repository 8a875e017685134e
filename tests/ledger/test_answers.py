"""Answers to the response side, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watchtower.errors import AnswerError, RequestTimeoutError
from watchtower.ledger.answers import read_account_field, read_fees, read_submission

RECORDINGS = sorted((Path(__file__).parents[1] / "data" / "recordings").glob("*.jsonl"))


def recorded(command: str) -> list[dict[str, Any]]:
    """Return every recorded result of a command."""
    found = []
    for path in RECORDINGS:
        asked: dict[int, str] = {}
        for line in path.read_text().splitlines():
            record = json.loads(line)
            message = record["msg"]
            if record["dir"] == "send":
                asked[message["id"]] = message["command"]
            elif asked.get(message.get("id")) == command and "result" in message:
                found.append(message["result"])
    return found


def test_every_recorded_submission_is_read() -> None:
    """Whatever a real server said about a submission is there."""
    submissions = recorded("submit")
    for result in submissions:
        answer = read_submission("a", result)
        assert answer.engine_result == result["engine_result"]
        assert answer.message == result["engine_result_message"]
        assert answer.open_ledger_cost == int(result["open_ledger_cost"])
        assert answer.account_sequence_next == result["account_sequence_next"]
        assert answer.validated_ledger_index == result["validated_ledger_index"]

    assert len(submissions) > 50


def test_every_recorded_fee_is_read() -> None:
    """The open ledger's fee rises far above the base."""
    fees = [read_fees("a", result) for result in recorded("fee")]

    assert {fee.base_fee for fee in fees} == {10}
    assert max(fee.open_ledger_fee for fee in fees) > 1_000


def test_every_recorded_account_is_read() -> None:
    """Balances are strings and sequences numbers."""
    accounts = recorded("account_info")
    for result in accounts:
        assert read_account_field("a", result, "Sequence") == result["account_data"]["Sequence"]
        balance = int(result["account_data"]["Balance"])
        assert read_account_field("a", result, "Balance") == balance

    assert len(accounts) > 5


@pytest.mark.parametrize("result", [{}, {"drops": 3}, {"drops": {"base_fee": "lots"}}])
def test_a_fee_that_is_not_there_is_said(result: dict[str, Any]) -> None:
    """One field is named, and nothing is made up."""
    with pytest.raises(AnswerError, match=r"drops\.base_fee is missing"):
        read_fees("a", result)


def test_an_odd_submission_is_a_value() -> None:
    """Nobody fails because one server answers oddly, or not at all."""
    odd = read_submission("a", {"engine_result": 3, "open_ledger_cost": "many"})
    assert (odd.engine_result, odd.open_ledger_cost) == (None, None)
    failed = read_submission("a", RequestTimeoutError(server="a", command="submit", seconds=10.0))
    assert failed.engine_result is None
    assert "did not answer" in failed.message


def test_fees_are_drops() -> None:
    """As told by a real server at rest."""
    result = {"drops": {"base_fee": "10", "open_ledger_fee": "12", "minimum_fee": "10"}}
    told = read_fees("a", result)
    assert (told.base_fee, told.open_ledger_fee) == (10, 12)
