"""Mutations that keep JSON what it is: bytes alone seldom reach behind the first brace."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

__all__ = ["mutated"]

_Place = tuple[Any, Any]

_STRANGE: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    2**32,
    2**63,
    2**64,
    10**40,
    1.5,
    1e300,
    "",
    "0",
    "-1",
    "1e3",
    "9" * 20,
    "\x00",
    "\ud800",
    "é" * 9,
    "A" * 64,
    "ED" + "0" * 64,
    [],
    {},
    [[]],
    {"": {}},
)


def mutated(data: bytes, luck: random.Random) -> bytes | None:
    """Return JSON in which something was replaced, dropped, doubled or moved; None of no JSON.

    A first line in front of it stays as it is.
    """
    head, line_end, rest = data.rpartition(b"\n") if data.count(b"\n") == 1 else (b"", b"", data)
    try:
        text = _changed(json.loads(rest), luck)
    except (ValueError, RecursionError):
        return None
    if luck.randrange(8) == 0 and text.startswith("{") and len(text) > 2:  # noqa: PLR2004
        text = text[:-1] + "," + text[1:]  # every field twice
    return head + line_end + text.encode()


def _changed(found: Any, luck: random.Random) -> str:
    for _ in range(1 + luck.randrange(3)):
        places = list(_places(found))
        if not places:
            break
        inside, key = luck.choice(places)
        _change(inside, key, luck, places)
    return json.dumps(found)


def _places(found: Any) -> Iterator[_Place]:
    """Yield every container with each of its keys."""
    keys: Any = ()
    if isinstance(found, dict):
        keys = list(found)
    elif isinstance(found, list):
        keys = range(len(found))
    for key in keys:
        yield found, key
        yield from _places(found[key])


def _change(inside: Any, key: Any, luck: random.Random, places: list[_Place]) -> None:
    match luck.randrange(4):
        case 0:
            del inside[key]
        case 1:
            other, name = luck.choice(places)
            with_it = json.dumps(other[name])
            inside[key] = json.loads(with_it)
        case 2 if isinstance(inside, dict):
            inside[luck.choice((f"{key}x", key.upper(), "", "payload"))] = inside.pop(key)
        case _:
            # A copy, or what is changed next would be strange in another way for ever.
            inside[key] = deepcopy(luck.choice(_STRANGE))
