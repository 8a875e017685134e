"""The words of the HTTP interface are those of the code, and each is documented."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

import msgspec

from tests.docs.test_formats import DOCS
from watchtower.claims.decision import REASONS, REFUSALS
from watchtower.interfaces.http.problems import WORDS

TEXT = (DOCS / "http.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first column is called so."""
    found = TEXT.partition(f"| `{heading}` |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()[2:]]


def words(rows: list[list[str]], column: int = 0) -> set[str]:
    """The words of a column."""
    return {word for row in rows for word in re.findall(r"`(\w+)`", row[column])}


def test_every_reason_not_to_serve_is_documented() -> None:
    """And no other: a client may rely on the list."""
    assert words(table("reasons")) == set(REASONS)


def test_every_reason_not_to_keep_is_documented() -> None:
    """``malformed`` is what is no claim at all."""
    assert words(table("why_not_kept")) == {"malformed", *REFUSALS}


def test_every_problem_is_documented_with_its_status() -> None:
    """A client acts on the word; proxies on the status."""
    told = {
        (word, int(status))
        for row in table("type")
        for word, status in zip(
            re.findall(r"`(\w+)`", row[0]), re.findall(r"\d{3}", row[1]), strict=True
        )
    }
    assert told == {(word, HTTPStatus(status).value) for word, status in WORDS.items()}


def test_every_path_that_is_served_is_documented() -> None:
    """OpenAPI tells programs, the page tells people."""
    served = msgspec.json.decode(Path(DOCS / "openapi.json").read_bytes())["paths"]
    methods = {f"{method.upper()} {path}" for path, ways in served.items() for method in ways}
    assert set(re.findall(r"^\| `((?:GET|POST|PUT) [^`]+)` \|", TEXT, re.MULTILINE)) == methods
