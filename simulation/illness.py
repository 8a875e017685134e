"""The ways in which a server is ill: slow, silent, forgetful, or a liar. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

__all__ = ["ILLNESSES", "illness"]

_Members = Mapping[str, Any]

_FAR: Final = 2_000_000_000
_MESSAGES: Final = (
    ["ledgerClosed"],
    ["transaction"],
    ["response"],
    ["ledgerClosed", "transaction"],
)
_RESULTS: Final = (
    "tesSUCCESS",
    "telINSUF_FEE_P",
    "telCAN_NOT_QUEUE_FEE",
    "tefMAX_LEDGER",
    "tefPAST_SEQ",
    "tefNO_TICKET",
    "temBAD_SIGNATURE",
    "terPRE_SEQ",
    "tecNO_DST",
    "tecUNHEARD_OF",
)


def illness(luck: Random) -> tuple[str, _Members]:
    """Return what ails a server: how it is counted, and the members of its misbehaviour."""
    kind = luck.choice(list(ILLNESSES))
    return kind, ILLNESSES[kind](luck)


def _some(luck: Random) -> list[str]:
    return luck.choice(_MESSAGES)


def _about_channels(luck: Random) -> _Members:
    """Lie about what a channel is: that it has paid, does not close, or is not there."""
    entry = luck.choice(
        (
            {"node.Balance": str(10**15)},
            {"node.Balance": "0"},
            {"node.Expiration": None},
            {"node.Amount": "1"},
            {"node.Expiration": 5},
            {"node.CancelAfter": 5},
            {"node.SettleDelay": 1},
        )
    )
    return {
        "lies": {
            "ledger_entry": entry,
            "account_objects": luck.choice(
                ({"account_objects": []}, {"account_objects.0": None}, {})
            ),
        }
    }


def _about_transactions(luck: Random) -> _Members:
    """Lie about what was done: hide it, or tell another outcome."""
    told: dict[str, Any] = luck.choice(
        (
            {"validated": False},
            {"meta.AffectedNodes": []},
            {"meta.TransactionResult": "tecNO_ENTRY"},
            {"meta": None},
            {"meta.AffectedNodes.0": None},
            {"ledger_index": 7},
        )
    )
    return {"lies": {"transaction": told, "account_tx": luck.choice(({"transactions": []}, {}))}}


def _about_ledgers(luck: Random) -> _Members:
    """Lie about which ledgers there are, and when they closed."""
    told = luck.choice(
        (
            {"ledger_time": _FAR},
            {"ledger_time": 5},
            {"ledger_index": 5},
            {"ledger_index": 10**8},
            {"ledger_hash": "0" * 64},
            {"txn_count": 0},
            {"txn_count": 900},
            {"ledger_index": 10**8, "ledger_time": _FAR},
        )
    )
    return {"lies": {"ledgerClosed": told}}


def _about_terms(luck: Random) -> _Members:
    """Lie about what it costs to get in, and about the account."""
    return {
        "lies": luck.choice(
            (
                {"fee": {"drops.open_ledger_fee": str(10**12)}},
                {"fee": {"drops.open_ledger_fee": "1", "drops.minimum_fee": "1"}},
                {"fee": {"drops.base_fee": str(10**9)}},
                {"account_info": {"account_data.Sequence": 1}},
                {"account_info": {"account_data.Sequence": 10**8}},
                {"account_info": {"account_data.Flags": 0x00100000}},
                {"account_objects": {"account_objects": []}},
                {"ledger_entry": {"node.Amendments": []}},
            )
        )
    }


def _submissions(luck: Random) -> _Members:
    """Lose what is submitted, or answer it wrongly."""
    return {
        "submissions": {
            "count": luck.choice((1, 2, 5, 100)),
            "answer": luck.choice((*_RESULTS, None)),
            "apply": luck.random() < 0.4,
        }
    }


ILLNESSES: Final[Mapping[str, Callable[[Random], _Members]]] = {
    "lag": lambda luck: {"lag": luck.choice((0.5, 3.0, 8.0, 30.0))},
    "hang": lambda _luck: {"hang": True},
    "drop": lambda luck: {"drop": luck.choice((0.05, 0.3, 0.8)), "only": _some(luck)},
    "duplicate": lambda luck: {"duplicate": luck.choice((0.2, 1.0)), "only": _some(luck)},
    "reorder": lambda luck: {"reorder": luck.choice((0.2, 0.8)), "only": _some(luck)},
    "behind": lambda luck: {"behind": luck.choice((1, 3, 20, 200))},
    "stuck": lambda _luck: {"stuck": True},
    "refuses": lambda _luck: {"refuse_connections": True},
    "wrong_network": lambda _luck: {"network_id": 21_337},
    "amendment_blocked": lambda _luck: {"amendment_blocked": True},
    "lies_about_channels": _about_channels,
    "lies_about_transactions": _about_transactions,
    "lies_about_ledgers": _about_ledgers,
    "lies_about_terms": _about_terms,
    "submissions_wrong": _submissions,
}
"""Every illness by its name."""
