"""docs/dashboard.md: what a search finds, what a list is narrowed down to, and its limits."""

from __future__ import annotations

import re
from pathlib import Path

from watchtower.interfaces.dashboard.listing import PAGE_SIZE
from watchtower.interfaces.dashboard.reading import Unreadable, query_of
from watchtower.interfaces.dashboard.rows import STATES

PAGE = (Path(__file__).parents[2] / "docs/dashboard.md").read_text(encoding="utf-8")


def test_every_word_that_a_search_knows_is_in_the_table() -> None:
    """And no other one."""
    rows = re.findall(r"^\| (`[a-z]+`(?:, `[a-z]+`)*) \|", PAGE, re.MULTILINE)
    assert [word for row in rows for word in re.findall(r"`([a-z]+)`", row)] == list(STATES)


def test_searches_of_the_page_are_understood() -> None:
    """The beginnings that it shows, and the address that it offers as a bookmark."""
    begins = re.findall(r"the beginning of [^|]*\(`([^`]+)`\)", PAGE)
    (bookmark,) = re.findall(r"`/dashboard/channels\?([^`]+)`", PAGE)
    assert len(begins) == 2
    for query in (*(f"q={begin}" for begin in begins), bookmark):
        assert not isinstance(query_of(query), Unreadable)


def test_limits_of_the_list_are_those_of_the_code() -> None:
    """So many words of a search, and rows of a page, as are told."""
    assert "up to four words" in PAGE
    assert not isinstance(query_of("q=A+B+C+D"), Unreadable)
    assert isinstance(query_of("q=A+B+C+D+E"), Unreadable)
    assert PAGE_SIZE == 50
    assert "fifty on a page" in PAGE
