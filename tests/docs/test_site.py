"""The site that is made of the documents: without a warning, without a dead link, without others.

It is built once, by the very command of scripts/site.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import sync_playwright
from typing_extensions import override

from tests.docs.test_links import ROOT, anchors_of, links_in

DOCS = ROOT / "docs"
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
CHROMIUM = "/usr/bin/chromium"

pytestmark = pytest.mark.walk
"""That of the system, which `scripts/test` installs."""
FETCHED = {"script": "src", "link": "href", "img": "src", "source": "srcset", "iframe": "src"}
"""What a page fetches by itself, and the attribute that says from where."""


def build(source: Path, into: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as scripts/site does, elsewhere."""
    script = (ROOT / "scripts" / "site").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"^exec (python .*)$", script, re.MULTILINE)
    words = [word for word in shlex.split(line) if word != "$@"]
    assert words[-2:] == [".", "build/site"]
    command = [sys.executable, *(word.replace("build/", f"{into}/") for word in words[1:])]
    return subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)


class Page(HTMLParser):
    """What a page has: anchors, links, and what it fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.anchors |= {told["id"]} if "id" in told else set()
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if FETCHED.get(tag) in told:
            self.fetched.append(told[FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    into = tmp_path_factory.mktemp("made")
    made = build(ROOT, into)
    assert (made.stderr, made.returncode) == ("", 0)
    return into / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page of the site."""
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def dead_ends(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield every link that leads to no file, or to no place in its page."""
    for path, page in pages.items():
        for link in {*page.links, *page.fetched}:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            is_there = target.is_file() and (
                target not in pages
                or parts.fragment == ""
                or unquote(parts.fragment) in pages[target].anchors
            )
            if not is_there:
                yield f"{path.name}: {link}"


def test_no_link_on_the_site_is_dead(pages: dict[Path, Page]) -> None:
    """Also those to files that are no documents, which are carried along."""
    assert list(dead_ends(pages)) == []
    assert [link for page in pages.values() for link in page.links if "watchtower.service" in link]


def test_nothing_on_the_site_comes_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    """No script, style, font or picture of others: it can be read without a network."""
    fetched = {link for page in pages.values() for link in page.fetched}
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    fetched |= set(re.findall(r"url\(['\"]?([^)'\"]+)", styles))
    fetched |= set(re.findall(r"@import\s+['\"]([^'\"]+)", styles))

    assert len(fetched) > 1
    assert [link for link in fetched if urlsplit(link).netloc] == []


def test_a_heading_has_the_same_anchor_as_in_a_browser_of_repositories(site: Path) -> None:
    """So that one link is good for both, and the one of an alarm's notice with them."""
    lost = [
        f"{document.name}#{anchor}"
        for document in DOCS.glob("*.md")
        for page in [Page((site / "docs" / f"{document.stem}.html").read_text(encoding="utf-8"))]
        for anchor in anchors_of(document.read_text(encoding="utf-8")) - page.anchors
    ]

    assert lost == []


def test_the_site_is_entered_at_what_the_tower_is(site: Path) -> None:
    """The front page is the README, and what programs read stands beside what people do."""
    assert (site / "index.html").read_bytes() == (site / "README.html").read_bytes()
    assert (site / "docs" / "openapi.json").read_bytes() == (DOCS / "openapi.json").read_bytes()


def test_the_site_can_be_read_by_whoever_does_not_see(site: Path) -> None:
    """Its pages have what readers of screens and users of a keyboard need, and enough contrast."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, scheme in product(("index", "docs/http"), schemes):
            page = browser.new_page(color_scheme=scheme)
            page.goto(f"{(site / name).as_uri()}.html")
            page.evaluate(AXE)
            found = page.evaluate("axe.run()")["violations"]
            assert [(name, one["id"], one["nodes"][0]["html"]) for one in found] == []
        browser.close()


def test_every_document_is_listed_once() -> None:
    """Whoever looks for one finds it, and the site has it in one place."""
    index = (DOCS / "index.md").read_text(encoding="utf-8").partition("\n## ")[2]
    listed = Counter(
        (DOCS / link).resolve()
        for link in links_in(index)
        if link.endswith(".md") and "#" not in link
    )
    documents = [*ROOT.glob("*.md"), *DOCS.glob("*.md"), DOCS / "adr" / "README.md"]

    assert listed == Counter(path for path in documents if path != DOCS / "index.md")


def test_every_page_of_the_reference_is_held_by_a_test_that_reads_it() -> None:
    """What docs/testing.md says of each is so."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    reference = index.partition("\n## Reference\n")[2].partition("\n## ")[0]
    testing = (DOCS / "testing.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[([\w.-]+)\]\(\1\) \| (`tests/[^|]+`) \|", testing, re.MULTILINE))

    assert set(links_in(reference)) <= rows.keys()
    for document, tests in rows.items():
        for test in re.findall(r"`([^`]+)`", tests):
            assert document in (ROOT / test).read_text(encoding="utf-8"), (document, test)


def test_what_is_wrong_in_a_document_fails_the_site(tmp_path: Path) -> None:
    """A small one, with each mistake in it, and all of them told."""
    source = tmp_path / "source"
    (source / "docs" / "adr").mkdir(parents=True)
    shutil.copytree(DOCS / "site", source / "docs" / "site")
    for name in ("conf.py", "openapi.json"):
        shutil.copy(DOCS / name, source / "docs" / name)
    (source / "docs" / "index.md").write_text("# Where\n\n## Start\n\n- [x](../README.md)\n")
    wrong = "[x](gone.md)\n\n[x](#nowhere)\n\n![x](gone.png)\n\n## A\n\n#### B\n"
    (source / "README.md").write_text(f"# A tower\n\n{wrong}")
    (source / "docs" / "unlisted.md").write_text("# Unlisted\n")

    made = build(source, tmp_path / "made")

    assert made.returncode == 1
    told = [line.rpartition("WARNING: ")[2] for line in made.stderr.splitlines()]
    for word in ("'gone.md'", "'nowhere'", "gone.png", "header level", "toctree"):
        assert [line for line in told if word in line], word
    assert len(told) == 5
