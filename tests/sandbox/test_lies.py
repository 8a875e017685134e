"""Members replaced, and the truth left alone."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from watchtower.sandbox.lies import told_wrong

_TRUTH: dict[str, Any] = {
    "ledger_index": 7,
    "account_data": {"Balance": "100", "Sequence": 3},
    "transactions": [{"meta": {"TransactionResult": "tesSUCCESS"}}, {"meta": {}}],
}


@pytest.mark.parametrize(
    ("path", "value", "at", "told"),
    [
        ("ledger_index", 8, ["ledger_index"], 8),
        ("account_data.Sequence", 9, ["account_data"], {"Balance": "100", "Sequence": 9}),
        ("account_data.Sequence", None, ["account_data"], {"Balance": "100"}),
        ("warnings.today", [1], ["warnings"], {"today": [1]}),
        ("ledger_index.deeper", 1, ["ledger_index"], {"deeper": 1}),
        ("transactions.0.meta.TransactionResult", "tecX", ["transactions", 0, "meta"],
         {"TransactionResult": "tecX"}),
        ("transactions.1", None, ["transactions"], _TRUTH["transactions"][:1]),
        ("transactions.2", 7, ["transactions"], _TRUTH["transactions"]),
        ("transactions.first", 7, ["transactions"], _TRUTH["transactions"]),
    ],
)  # fmt: skip
def test_what_stands_at_the_path_is_another(
    path: str, value: object, at: list[Any], told: object
) -> None:
    """In a copy: what was true before is so afterwards."""
    before = deepcopy(_TRUTH)

    wrong: Any = told_wrong(_TRUTH, {path: value})

    for step in at:
        wrong = wrong[step]
    assert wrong == told
    assert before == _TRUTH


def test_a_member_that_is_not_there_is_not_there_afterwards() -> None:
    """Taking away what is missing adds nothing on the way to it."""
    assert told_wrong(_TRUTH, {"gone.deeper": None, "absent": None}) == _TRUTH


def test_several_lies_go_together() -> None:
    """Each about its own member."""
    wrong = told_wrong(_TRUTH, {"account_data.Balance": "1", "account_data.Flags": 2})

    assert wrong["account_data"] == {"Balance": "1", "Sequence": 3, "Flags": 2}
