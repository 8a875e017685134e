"""Text as ``man`` wants it: escaped, in lines that are not too long, and never taken for a macro.

What it guarantees: no text becomes a request, whatever it begins with or holds; and what is meant
to be copied, such as an option, is shown with the very characters that a shell wants.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["code", "filled", "heading", "inline", "item", "prose", "title", "verbatim"]

_WIDTH: Final = 76
_COPIED: Final = {
    "\\": "\\e",
    "-": "\\-",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
    '"': "\\(dq",
}
"""What ``man`` would otherwise show as another character, which no shell takes."""

_SPANS: Final = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<stressed>[^*\s][^*]*)\*"
    r"|!?\[(?P<said>[^]]*)\]\((?P<where>[^)\s]+)\)"
)


def title(name: str, section: int, *, date: str, version: str) -> str:
    """Return the first line of a page."""
    return f'.TH {code(name.upper())} {section} {date} "watchtower {version}" "Watchtower"'


def heading(text: str, *, inner: bool = False) -> str:
    """Return the heading of a section, or of a part of one."""
    words = prose(text).replace('"', "\\(dq")
    return f'.SS "{words}"' if inner else f'.SH "{words.upper()}"'


def code(text: str) -> str:
    """Return what stands there to be copied."""
    return _ascii("".join(_COPIED.get(character, character) for character in text))


def prose(text: str) -> str:
    """Return words for people."""
    return _ascii(text.replace("\\", "\\e"))


def inline(text: str) -> str:
    """Return a paragraph of Markdown: code and stress as fonts, links as their words."""
    done, at = [], 0
    for found in _SPANS.finditer(text):
        done += [prose(text[at : found.start()]), _span(found)]
        at = found.end()
    return "".join([*done, prose(text[at:])])


def filled(text: str) -> Iterator[str]:
    """Yield a paragraph in lines."""
    words = textwrap.wrap(
        text, _WIDTH, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    yield from map(_guarded, words)


def item(tag: str, text: str) -> Iterator[str]:
    """Yield a tag with what it means, indented below it or beside it."""
    yield ".TP"
    yield _guarded(tag)
    yield from filled(text)


def verbatim(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that stand as they are, indented."""
    yield from (".PP", ".RS 4", ".nf")
    for line in lines:
        yield _guarded(code(line)) or "\\&"
    yield from (".fi", ".RE")


def _span(found: re.Match[str]) -> str:
    if found["code"] is not None:
        return f"\\fB{code(found['code'])}\\fR"
    if found["strong"] is not None:
        return f"\\fB{inline(found['strong'])}\\fR"
    if found["stressed"] is not None:
        return f"\\fI{inline(found['stressed'])}\\fR"
    said, where = inline(found["said"]), found["where"]
    return f"{said} ({code(where)})" if where.startswith("https:") else said


def _ascii(text: str) -> str:
    """Spell out what not every formatter reads."""
    return "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in text)


def _guarded(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line
