"""What servers answer to the response side's requests, read field by field.

A missing or unreadable field is an `AnswerError` that names it; of a submission it is a value,
for nobody may fail because one server answers oddly. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchtower.errors import AnswerError, LedgerError
from watchtower.ledger.wire import integer
from watchtower.units import Drops, LedgerIndex

__all__ = ["Fees", "SubmitAnswer", "read_account_field", "read_fees", "read_submission"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitAnswer:
    """One server's word about one submission; never proof of anything.

    ``engine_result`` is None when the server gave none; ``message`` then says why.
    ``open_ledger_cost`` is the drops with which *this* transaction would enter the open ledger.
    """

    server: str
    engine_result: str | None
    message: str
    account_sequence_next: int | None = None
    open_ledger_cost: Drops | None = None
    validated_ledger_index: LedgerIndex | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What a transaction costs now, as one server tells it; None where it does not.

    Attributes:
        base_fee: the least drops that any transaction pays.
        open_ledger_fee: the drops that enter the open ledger at once.
        minimum_fee: the least drops that are queued.
        current_ledger_size: how many transactions the open ledger holds.
        expected_ledger_size: how many it holds before prices rise.
        median_level: the fee level that prices rise from, in 1/256 of the base fee.
    """

    base_fee: Drops
    open_ledger_fee: Drops
    minimum_fee: Drops | None = None
    current_ledger_size: int | None = None
    expected_ledger_size: int | None = None
    median_level: int | None = None


def read_submission(server: str, answer: Mapping[str, Any] | LedgerError) -> SubmitAnswer:
    """Return one server's word, or why it has none."""
    if isinstance(answer, LedgerError):
        return SubmitAnswer(server=server, engine_result=None, message=str(answer))
    result, message = answer.get("engine_result"), answer.get("engine_result_message")
    cost = integer(answer, "open_ledger_cost")
    validated = integer(answer, "validated_ledger_index")
    return SubmitAnswer(
        server=server,
        engine_result=result if isinstance(result, str) else None,
        message=message if isinstance(message, str) else "the server gave no result",
        account_sequence_next=integer(answer, "account_sequence_next"),
        open_ledger_cost=None if cost is None else Drops(cost),
        validated_ledger_index=None if validated is None else LedgerIndex(validated),
    )


def read_account_field(server: str, result: Mapping[str, Any], field: str) -> int:
    """Return a number of an account, such as ``Sequence``.

    Raises:
        AnswerError: it is not there.
    """
    return _number(server, "account_info", result, "account_data", field)


def read_fees(server: str, result: Mapping[str, Any]) -> Fees:
    """Return what one server asks for transactions.

    Raises:
        AnswerError: it does not say so.
    """
    drops, levels = (result.get(part) for part in ("drops", "levels"))
    minimum = integer(drops, "minimum_fee") if isinstance(drops, Mapping) else None
    return Fees(
        base_fee=Drops(_number(server, "fee", result, "drops", "base_fee")),
        open_ledger_fee=Drops(_number(server, "fee", result, "drops", "open_ledger_fee")),
        minimum_fee=None if minimum is None else Drops(minimum),
        current_ledger_size=integer(result, "current_ledger_size"),
        expected_ledger_size=integer(result, "expected_ledger_size"),
        median_level=integer(levels, "median_level") if isinstance(levels, Mapping) else None,
    )


def _number(server: str, command: str, result: Mapping[str, Any], part: str, field: str) -> int:
    fields = result.get(part)
    value = integer(fields, field) if isinstance(fields, Mapping) else None
    if value is None:
        raise AnswerError(server=server, command=command, why=f"{part}.{field} is missing")
    return value
