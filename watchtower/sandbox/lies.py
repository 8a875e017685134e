"""Members of an answer or a message replaced, so that a server says what is not so. Pure.

Guarantees that the truth is left as it was: what is changed is copied first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["told_wrong"]


def told_wrong(truth: dict[str, Any], lies: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of ``truth`` in which other values stand.

    Args:
        truth: an answer's result, or a message.
        lies: values by dotted path; a number in a path is a place in a list. A member that is not
            there is added, None takes one away, and a place that a list does not have is passed
            over.
    """
    wrong: dict[str, Any] = truth
    for path, value in lies.items():
        wrong = _replaced(wrong, path.split("."), value)
    return wrong


def _replaced(within: Any, path: list[str], value: Any) -> Any:
    first, rest = path[0], path[1:]
    if isinstance(within, list):
        place = int(first) if first.isascii() and first.isdecimal() else len(within)
        if place >= len(within):
            return within
        if not rest and value is None:
            return [*within[:place], *within[place + 1 :]]
        new = _replaced(within[place], rest, value) if rest else value
        return [*within[:place], new, *within[place + 1 :]]
    members = dict(within) if isinstance(within, Mapping) else {}
    if rest:
        if value is None and first not in members:
            return members
        members[first] = _replaced(members.get(first), rest, value)
    elif value is None:
        members.pop(first, None)
    else:
        members[first] = value
    return members
