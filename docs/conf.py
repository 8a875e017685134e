"""How the documents become a site: scripts/site builds it, and every warning is a failure.

What is read is the whole repository, as far as it is Markdown, at the places where it stands. So
a link leads to the same on the site as where the repository is browsed, also one to a file that is
no document: that is carried along.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer  # type: ignore[import-untyped] # it has no types
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from watchtower import __version__  # noqa: E402 - from beside this folder, wherever that is

project = "Watchtower"
author = "The watchtower authors"
project_copyright = "the watchtower authors, Apache-2.0"
version = release = __version__

extensions = ["myst_parser"]
root_doc = "README"
# What keeps those from reading who do not see, or have no mouse; by pairs, as the theme writes it.
_MENDED = (
    ('<aside class="sidebar-drawer"', '<aside aria-label="All documents" class="sidebar-drawer"'),
    ('<aside class="toc-drawer', '<aside aria-label="This document" class="toc-drawer'),
    ('<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">'),
    ("<pre>", '<pre tabindex="0">'),
)
# Linked by others, and in no list.
_APART = ("docs/adr/template", "tests/data/formats/README")
include_patterns = ["*.md", "docs/**.md", *(f"{name}.md" for name in _APART)]
source_suffix = {".md": "markdown"}
nitpicky = True

# The anchors that browsers of repositories give to headings.
myst_heading_anchors = 6
myst_heading_slug_func = "github"

html_theme = "furo"
html_title = f"Watchtower {release}"
html_static_path = ["site"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False


def listed_in(index: str, folder: str) -> list[tuple[str, list[str]]]:
    """Return the documents that each part of a list leads to by its own items or rows.

    Args:
        index: a document whose items begin with a link, or whose rows do, below headings.
        folder: the folder that it stands in, from the root.

    Returns:
        The headings, each with the documents' names as Sphinx has them.
    """
    parts = re.split(r"^## (.+)$", index, flags=re.MULTILINE)
    found = []
    for heading, part in zip(["", *parts[1::2]], [parts[0], *parts[2::2]], strict=True):
        links = re.findall(r"^(?:- |\| )\[[^]]+\]\(([^)#]+)\.md\)", part, re.MULTILINE)
        paths = [(ROOT / folder / link).resolve().relative_to(ROOT) for link in links]
        if paths:
            found.append((heading, [path.as_posix() for path in paths]))
    return found


def _add_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give the front page and the decisions their contents, from the lists that people read."""
    if name in _APART:
        source[0] = f"---\norphan: true\n---\n{source[0]}"
    elif name == root_doc:
        index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
        for heading, names in listed_in(index, "docs"):
            first = ["docs/index"] if heading == "Start" else []
            source[0] += _contents(heading, [*first, *(one for one in names if one != root_doc)])
    elif name == "docs/adr/README":
        for heading, names in listed_in(source[0], "docs/adr"):
            source[0] += _contents(heading, names)


def _contents(heading: str, names: list[str]) -> str:
    caption = [f":caption: {heading}"] if heading else []
    lines = ["```{toctree}", ":hidden:", *caption, "", *(f"/{name}" for name in names), "```"]
    return "\n\n" + "\n".join(lines) + "\n"


def _finish(app: Sphinx, failure: Exception | None) -> None:
    """Put things where they are looked for, and mend what the theme leaves out."""
    if failure is None and app.builder.name == "html":
        site = Path(app.outdir)
        for page in site.rglob("*.html"):
            text = page.read_text(encoding="utf-8")
            for found, better in _MENDED:
                text = text.replace(found, better)
            page.write_text(text, encoding="utf-8")
        shutil.copyfile(site / "README.html", site / "index.html")
        shutil.copyfile(ROOT / "docs" / "openapi.json", site / "docs" / "openapi.json")


def setup(app: Sphinx) -> None:
    """Hang in what Sphinx does not do by itself."""
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", _add_contents)
    app.connect("build-finished", _finish)
