"""``scripts/man``: writes the manual into a folder, a page for each command and one for settings.

Beside it is written what shells complete the commands by, as ``watchtower completion`` prints it.
Needs no more than what the watchtower itself needs, for scripts/install makes it as well.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from manual.commands import Page, pages
from manual.markdown import rendered, section_of
from manual.roff import heading, title
from watchtower import __version__
from watchtower.cli import root
from watchtower.cli.completion_scripts import SCRIPTS
from watchtower.cli.completion_tree import places

_DOCS: Final = Path(__file__).parents[1] / "docs"

_FILES: Final = """\
| file | means |
|---|---|
| `watchtower.toml` | the configuration, here, or by `WATCHTOWER_CONFIG` elsewhere |
| `/etc/watchtower/watchtower.toml` | the configuration of the service |
| `/var/lib/watchtower/watchtower.db` | the store of the service |
"""

_STATUS: Final = """\
| code | when |
|---|---|
| 0 | it is done |
| 2 | the command line was wrong |
| 70 | a mistake of ours |
| 130 | interrupted from the keyboard |

Every other number is one error's alone. **watchtower**(1) lists them.
"""


def main(arguments: Sequence[str]) -> int:
    """Write into the folder that is named, below ``man`` and ``completion``."""
    (folder,) = map(Path, arguments)
    when = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    date = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d}"
    made = 0
    for page in pages(root, ("watchtower",)):
        _write(folder / "man", page.name, 1, date, _of_command(page))
        made += 1
    _write(folder / "man", "watchtower.toml", 5, date, _of_settings())
    completions = folder / "completion"
    completions.mkdir(parents=True, exist_ok=True)
    for shell, script in SCRIPTS.items():
        text = script(list(places(root, "watchtower")))
        (completions / shell).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{made + 1} pages in {folder}\n")
    return 0


def _write(folder: Path, name: str, section: int, date: str, lines: Iterable[str]) -> None:
    file = folder / f"man{section}" / f"{name}.{section}"
    file.parent.mkdir(parents=True, exist_ok=True)
    # Ragged, and no word is divided: what stands there is copied.
    text = [title(name, section, date=date, version=__version__), ".nh", ".ad l"]
    for line in lines:
        # Behind a heading a paragraph begins by itself.
        if line != ".PP" or not text[-1].startswith((".SH", ".SS")):
            text.append(line)
    file.write_text("\n".join(text) + "\n", encoding="ascii")


def _of_command(page: Page) -> Iterator[str]:
    yield from page.lines()
    is_whole = len(page.words) == 1
    yield heading("exit status")
    yield from rendered(_document("exit-codes.md") if is_whole else _STATUS)
    yield heading("environment")
    if is_whole:
        yield from rendered(section_of(_document("configuration.md"), "The environment"))
        yield heading("files")
        yield from rendered(_FILES)
    else:
        yield from rendered("What **watchtower**(1) says of it.")
    yield from page.examples()
    yield heading("see also")
    yield from rendered(", ".join([*_above(page), "**watchtower.toml**(5)"]))


def _above(page: Page) -> Iterator[str]:
    for length in range(1, len(page.words)):
        yield f"**{'-'.join(page.words[:length])}**(1)"


def _of_settings() -> Iterator[str]:
    document = _document("configuration.md")
    begin = document.partition("\n## ")[0]
    yield heading("name")
    yield "watchtower.toml \\- configuration of the watchtower"
    yield heading("description")
    yield from rendered(begin)
    for told, name in (
        ("The settings", "settings"),
        ("Read again while the tower runs", "read again while the tower runs"),
        ("The environment", "environment"),
    ):
        yield heading(name)
        yield from rendered(section_of(document, told))
    yield heading("see also")
    yield from rendered("**watchtower**(1), **watchtower-init**(1), **watchtower-doctor**(1)")


def _document(name: str) -> str:
    """Return a document without its title."""
    return (_DOCS / name).read_text(encoding="utf-8").partition("\n")[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
