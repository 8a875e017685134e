"""Every link in a document leads somewhere: to a file, to a heading of it, or to a real address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
MADE = {"build", "dist"}
"""What is made here, and belongs to nobody's reading."""

DOCUMENTS = sorted(
    path
    for top in ROOT.iterdir()
    if not top.name.startswith(".") and top.name not in MADE
    for path in (top.rglob("*.md") if top.is_dir() else [top])
    if path.suffix == ".md"
)


def relative_name(path: Path) -> str:
    """Return how a document is called in a test's name."""
    return path.relative_to(ROOT).as_posix()


def tokens_of(text: str) -> Iterator[Token]:
    """Yield what a document consists of, with what stands within its lines."""
    for token in MarkdownIt().enable("table").parse(text):
        yield token
        yield from token.children or ()


def links_in(text: str) -> Iterator[str]:
    """Yield where every link and picture of a document leads, those in HTML as well."""
    for token in tokens_of(text):
        for name in ("href", "src"):
            if (found := token.attrGet(name)) is not None:
                yield str(found)
        if token.type in {"html_block", "html_inline"}:
            yield from re.findall(r'\b(?:href|src|srcset)="([^"]*)"', token.content)


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a document's headings, as browsers of repositories make them."""
    found: set[str] = set()
    is_heading = False
    for token in tokens_of(text):
        if token.type == "inline" and is_heading:
            title = "".join(
                child.content for child in token.children or () if not child.type.endswith("image")
            )
            slug = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
            again = sum(
                one == slug or re.fullmatch(rf"{slug}-\d+", one) is not None for one in found
            )
            found.add(f"{slug}-{again}" if again else slug)
        is_heading = token.type == "heading_open"
    return found


def what_is_wrong(document: Path, link: str) -> str | None:
    """Say why a link of a document leads nowhere; None if it does not."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return "is no address"
    if parts.scheme or parts.netloc:
        is_whole = re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.netloc) is not None
        is_clean = re.search(r"[\s<>\"`…]|[.,;:]$", unquote(link)) is None
        return None if parts.scheme == "https" and is_whole and is_clean else "is not sound"
    target = document if not parts.path else (document.parent / unquote(parts.path)).resolve()
    if parts.path.startswith("/") or not target.is_relative_to(ROOT):
        return "leads out of the project"
    if not target.exists():
        return "is not there"
    if parts.fragment and target.suffix == ".md":
        anchors = anchors_of(target.read_text(encoding="utf-8"))
        return None if parts.fragment in anchors else "has no such heading"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """A file that is there, one of its headings, or an address with https that can be one."""
    links = links_in(document.read_text(encoding="utf-8"))

    assert {link: why for link in links if (why := what_is_wrong(document, link))} == {}


@pytest.mark.parametrize(
    "link",
    [
        "gone.md",
        "commands.md#no-such-heading",
        "#no-such-heading",
        "../../../elsewhere.md",
        "/docs/commands.md",
        "http://example.com/without-tls",
        "https://nowhere",
        "https://example.com/with-a-dot.",
        "https://user@example.com/",
        "ftp://example.com/",
        "//example.com/x",
        "https://[broken",
    ],
)
def test_a_link_that_leads_nowhere_would_be_found(link: str) -> None:
    """Each kind of them is seen to be told."""
    assert what_is_wrong(ROOT / "docs" / "operating.md", link) is not None


def test_links_and_anchors_are_read_as_browsers_of_repositories_do() -> None:
    """Pictures and HTML count, code does not; a heading that comes twice gets a number."""
    text = (
        "# What `a_b` is: 1, 2\n## Again\n## Again\n"
        '![p](one.png) <a href="two.md">x</a>\n\n```\n[no](three.md)\n```\n\n`[no](four.md)`\n\n'
        "| t |\n|---|\n| [y](five.md#z) |\n"
    )

    assert list(links_in(text)) == ["one.png", "two.md", "five.md#z"]
    assert anchors_of(text) == {"what-a_b-is-1-2", "again", "again-1"}
