"""What a browser asks of the list of channels, read out of its address and written into it. Pure.

What it guarantees: what is read is bounded, whoever wrote it, and whatever cannot be meant is told
in a sentence and not guessed at. What is written is read as the same.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct
from msgspec.structs import replace

from watchtower.interfaces.dashboard.rows import STATES, Place, Query, Show, Sort

__all__ = ["Unreadable", "query_of", "text_of"]

_MOST_LETTERS: Final = 1_000
"""Of a query: four words, every filter and a place are less than half of it."""

_MOST_FIELDS: Final = 16
_MOST_WORDS: Final = 4
_ONCE: Final = frozenset({"q", "sort", "order", "after", "before"})
_KNOWN: Final = _ONCE | {"show"}
_ORDERS: Final = {"desc": True, "asc": False, "": None}

_ID_BEGINS: Final = re.compile(r"[0-9A-Fa-f]{1,64}\Z", re.ASCII)
_ADDRESS_BEGINS: Final = re.compile(r"r[1-9A-HJ-NP-Za-km-z]{0,34}\Z", re.ASCII)
"""The letters of XRPL's base58 (rippled src/libxrpl/protocol/tokens.cpp, alphabetForward)."""

_PLACE: Final = re.compile(r"(-|[0-9]{1,18})\.([0-9A-Fa-f]{64})\Z", re.ASCII)

_Word = TypeVar("_Word", bound=StrEnum)


class Unreadable(Struct, frozen=True):
    """What was asked for cannot be read; ``why`` is a sentence."""

    why: str


class _UnreadableError(Exception):
    """Never leaves this module."""


def query_of(text: str) -> Query | Unreadable:
    """Return what the part of an address behind its question mark asks for."""
    try:
        return _query_of(_fields_of(text))
    except _UnreadableError as wrong:
        return Unreadable(str(wrong))


def text_of(query: Query, **changes: object) -> str:
    """Return a query as it stands in an address, with some of it changed; nothing for the first.

    Unless a place is among the changes it is the first page: of another order or another search
    the place of before means nothing.
    """
    query = replace(query, **{"after": None, "before": None, **changes})
    fields = [("q", " ".join(query.words))] if query.words else []
    fields += [("show", show.value) for show in Show if show in query.show]
    if query.sort is not Sort.AT_STAKE:
        fields.append(("sort", query.sort.value))
    if query.descending is not _goes_down(query.sort):
        fields.append(("order", "desc" if query.descending else "asc"))
    for name, place in (("after", query.after), ("before", query.before)):
        if place is not None:
            fields.append((name, _text_of_place(place, query)))
    return urlencode(fields)


def _goes_down(sort: Sort) -> bool:
    """Return whether the highest comes first where nothing is said: what matters comes first."""
    return sort not in {Sort.SLACK, Sort.ID}


def _fields_of(text: str) -> dict[str, list[str]]:
    if len(text) > _MOST_LETTERS:
        raise _UnreadableError(f"A query has {_MOST_LETTERS} letters at most.")
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise _UnreadableError("This is no query.") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in _KNOWN:
            raise _UnreadableError(
                f"Nothing is called {_quoted(name)} here. A query says {_listed(sorted(_KNOWN))}."
            )
        fields.setdefault(name, []).append(value)
        if name in _ONCE and len(fields[name]) > 1:
            raise _UnreadableError(f"`{name}` is said twice.")
    return fields


def _query_of(fields: dict[str, list[str]]) -> Query:
    (asked,), (named,) = fields.get("q", [""]), fields.get("sort", [""])
    sort = _one_of(Sort, named, "sort") if named else Sort.AT_STAKE
    (order,) = fields.get("order", [""])
    if order not in _ORDERS:
        raise _UnreadableError(f"`order` is `asc` or `desc`, and not {_quoted(order)}.")
    descending = _ORDERS[order]
    query = Query(
        words=_words_of(asked),
        show=frozenset(_one_of(Show, show, "show") for show in fields.get("show", ()) if show),
        sort=sort,
        descending=_goes_down(sort) if descending is None else descending,
    )
    (after,), (before,) = fields.get("after", [""]), fields.get("before", [""])
    if after and before:
        raise _UnreadableError("A page is `after` a row or `before` one, and not both.")
    return replace(
        query,
        after=_place_of(after, query) if after else None,
        before=_place_of(before, query) if before else None,
    )


def _words_of(asked: str) -> tuple[str, ...]:
    words = tuple(asked.split())
    if len(words) > _MOST_WORDS:
        raise _UnreadableError(f"A search has {_MOST_WORDS} words at most.")
    for word in words:
        if not (_ID_BEGINS.match(word) or _ADDRESS_BEGINS.match(word) or word.lower() in STATES):
            raise _UnreadableError(
                f"{_quoted(word)} is not the beginning of a channel's id (hexadecimal) or of an "
                f"address (r…), and none of the words {_listed(STATES)}."
            )
    return words


def _one_of(kind: type[_Word], word: str, name: str) -> _Word:
    try:
        return kind(word)
    except ValueError:
        why = f"`{name}` is one of {_listed([one.value for one in kind])}, and not {_quoted(word)}."
        raise _UnreadableError(why) from None


def _place_of(text: str, query: Query) -> Place:
    found = _PLACE.match(text)
    if found is None:
        raise _UnreadableError(f"{_quoted(text)} is no place in this list.")
    value, channel = found[1], found[2].upper()
    if value == "-":
        return Place(is_without=True, value=0, channel=channel)
    number = int(channel, 16) if query.sort is Sort.ID else int(value)
    signed = -number if query.descending else number
    return Place(is_without=False, value=signed, channel=channel)


def _text_of_place(place: Place, query: Query) -> str:
    if place.is_without:
        return f"-.{place.channel}"
    # An id stands there already, and is longer than any other number.
    return f"{0 if query.sort is Sort.ID else abs(place.value)}.{place.channel}"


def _quoted(text: str) -> str:
    """Return what somebody wrote, so short that it can stand in a sentence."""
    most = 40
    return f"“{text if len(text) <= most else text[:most] + '…'}”"


def _listed(words: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)
