"""What is logged can be searched for, and ``error`` means a bug of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import House, made_up, read_house

LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
STATIC = re.compile(r"[a-z][a-z0-9_]+\Z")
MAY_CALL_IT_A_BUG = frozenset({"cli"})
"""Where an exception that nobody foresaw arrives at last."""


def log_calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call that logs, with its level."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            logger = ast.unparse(node.func.value)
            if node.func.attr in LEVELS and (logger == "_log" or "get_logger" in logger):
                yield node.func.attr, node


def is_static(event: ast.expr) -> bool:
    """Return whether an event is a name written down, or one that its object was made with."""
    if isinstance(event, ast.Constant):
        return isinstance(event.value, str) and STATIC.match(event.value) is not None
    return ast.unparse(event) == "self._event"


def broken_rules(house: House) -> list[str]:
    """Return log calls whose event is not a static name, or that cry wolf."""
    found = []
    for name, tree in house.items():
        for level, call in log_calls(tree):
            if not (call.args and is_static(call.args[0])):
                found.append(f"{name}: an event without a static name")
            if level in {"error", "exception", "critical"} and name not in MAY_CALL_IT_A_BUG:
                found.append(f"{name}: {level}")
    return found


def test_events_are_static_and_errors_are_ours() -> None:
    """Facts are key-values; nothing an outsider does is an error."""
    assert broken_rules(read_house()) == []


def test_a_careless_log_line_would_be_found() -> None:
    """A sentence as an event, and an error where an outsider may be the cause."""
    house = made_up(
        a="_log.info(f'ledger {index} closed')",
        b="structlog.get_logger(__name__).error('server_lied')",
        c="_log.warning('server_silent', server=url)",
    )

    assert broken_rules(house) == ["a: an event without a static name", "b: error"]
