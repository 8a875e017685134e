"""Shapes of answers: both versions, both places of errors, and fields that are not as hoped."""

from __future__ import annotations

from typing import Any

import pytest

from watchtower.ledger.wire import (
    Refusal,
    announcement_of,
    integer,
    refusal_of,
    result_of,
    warning_ids,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ("7", 7),
        (0, 0),
        (True, None),
        (-1, None),
        ("-1", None),
        (1.0, None),
        ("²", None),
        ("", None),
        (None, None),
        ([7], None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        ("9" * 5_000, None),
    ],
)
def test_only_whole_numbers_that_are_not_negative_are_numbers(
    value: object, expected: int | None
) -> None:
    """A bool, a float, a sign or an odd digit is no ledger index."""
    assert integer({"n": value}, "n") == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"result": {"a": 1}, "status": "success"}, None),
        (
            {"error": "entryNotFound", "error_message": "No.", "status": "error"},
            Refusal(error="entryNotFound", message="No."),
        ),
        (
            {"result": {"error": "notSynced", "status": "error"}, "status": "success"},
            Refusal(error="notSynced", message="no reason given"),
        ),
        (
            {"error": "invalidTransaction", "error_exception": "Too short."},
            Refusal(error="invalidTransaction", message="Too short."),
        ),
        ({"status": "error"}, Refusal(error="unknown", message="no reason given")),
        ({"error": {"code": 3}}, Refusal(error="unknown", message="no reason given")),
    ],
)
def test_an_error_is_found_wherever_it_is(answer: dict[str, Any], expected: object) -> None:
    """At the top as xrpld sends it, or inside the result as proxies do."""
    assert refusal_of(answer) == expected


def test_an_answer_without_a_result_is_its_own() -> None:
    """Some proxies unwrap the result."""
    assert result_of({"ledger_index": 3}) == {"ledger_index": 3}
    assert result_of({"result": {"ledger_index": 3}}) == {"ledger_index": 3}


def test_warnings_are_numbers() -> None:
    """Whatever else stands in the list is left alone."""
    answer = {"warnings": [{"id": 1002}, {"id": "x"}, "load", {"id": 2001}]}
    assert warning_ids(answer) == {1002, 2001}
    assert warning_ids({"warnings": "load"}) == frozenset()


def test_an_announcement_may_be_unusable(chain: Any) -> None:
    """Without its ledger it is nothing; unknown fields change nothing."""
    good = chain.closed(10)
    found = announcement_of({**good, "a_new_field": {"x": 1}})
    assert found is not None
    assert (found.closed.ledger_index, found.transactions, found.network_id) == (10, 0, 0)
    for field in ("ledger_index", "ledger_hash", "ledger_time"):
        assert announcement_of({**good, field: "not one"}) is None
    assert announcement_of({"type": "serverStatus"}) is None
