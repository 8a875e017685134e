"""Our documents as pages for ``man``: as much of Markdown as they use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

from manual.roff import filled, heading, inline, item, verbatim

__all__ = ["rendered", "rows_of", "section_of"]

_BETWEEN: Final = {"default": "Default: {}.", "error": "{}:"}
"""How a column in the middle is told, by what the document calls it."""


def section_of(document: str, title: str) -> str:
    """Return what stands below a heading of the second level.

    Raises:
        LookupError: there is no such heading.
    """
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", document, re.DOTALL | re.MULTILINE
    )
    if found is None:
        raise LookupError(title)
    return found[1]


def rows_of(lines: Sequence[str]) -> list[list[str]]:
    """Return the rows of a table without its head; a ``|`` behind a backslash is none."""
    cells = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines[2:]]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


def rendered(text: str) -> Iterator[str]:
    """Yield the lines of a page for a document, or for a part of one."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            block = list(takewhile(lambda one: not one.startswith("```"), lines[at + 1 :]))
            yield from verbatim(block)
            at += len(block) + 2
        elif found := re.match(r"(##+) (.+)", line):
            yield heading(found[2].replace("`", ""), inner=len(found[1]) > 2)  # noqa: PLR2004
            at += 1
        elif line.startswith(("|", "- ")):
            mark = line[0]
            block = list(takewhile(lambda one: one.startswith(mark), lines[at:]))  # noqa: B023
            yield from _table(block) if mark == "|" else _list(block)
            at += len(block)
        elif line.strip():
            block = list(takewhile(_is_prose, lines[at:]))
            yield ".PP"
            yield from filled(inline(" ".join(block)))
            at += len(block)
        else:
            at += 1


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("|", "- ", "```", "#"))


def _list(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield ".IP \\(bu 2"
        yield from filled(inline(line[2:]))


def _table(lines: Sequence[str]) -> Iterator[str]:
    """Yield each row with its first cell as the tag; a default goes before what is meant."""
    head = [cell.strip() for cell in lines[0].strip("|").split("|")]
    rows = rows_of(lines)
    is_short = all(len(row[-1]) < 10 for row in rows)  # noqa: PLR2004 - beside the tag
    if is_short:
        yield from (".PP", ".PD 0")
    for row in rows:
        told = [
            _BETWEEN.get(name, "{}").format(cell)
            for name, cell in zip(head[1:], row[1:], strict=True)
            if cell != "\N{EN DASH}"  # there is none
        ]
        yield from item(inline(row[0]), inline(" ".join(told)))
    if is_short:
        yield ".PD"
