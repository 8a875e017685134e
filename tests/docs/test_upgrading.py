"""The way back that is typed is typed here; scripts/install has tests of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.data.formats.make import contents
from tests.docs.pages import follow, shell
from tests.docs.test_formats import DOCS
from tests.store.test_migrations import covers, format_of, opened, put, told
from watchtower.store.tables import FORMAT

TEXT = (DOCS / "upgrading.md").read_text(encoding="utf-8")


async def test_the_way_back_to_an_older_store_keeps_the_newer_one(tmp_path: Path) -> None:
    """What was copied before the migration is the store again, and what came since is kept."""
    lib, programs = tmp_path / "lib", tmp_path / "bin"
    for folder in (lib, programs):
        folder.mkdir()
    path = put(FORMAT - 1, lib)
    await (await opened(path)).close()
    assert format_of(path) == FORMAT
    # Nothing runs here that could be stopped, and there is no other user.
    (programs / "systemctl").symlink_to(shutil.which("true") or "")
    commands = re.split(r"^## ", TEXT.partition("\n## The way back\n")[2], flags=re.MULTILINE)[0]
    commands = commands.partition("**If the older version")[2]
    commands = commands.replace("/var/lib/watchtower", str(lib)).replace(" -o watchtower", "")
    async with shell(lib, {"PATH": f"{programs}:/usr/bin:/bin"}) as console:
        await follow(commands, console)

    assert format_of(lib / "watchtower.db") == FORMAT - 1
    assert format_of(lib / "newer" / "watchtower.db") == FORMAT
    async with await opened(lib / "watchtower.db") as store:
        assert covers(await contents(store), told(FORMAT - 1))


def test_what_an_upgrade_asks_for_stands_first_in_each_version() -> None:
    """Each heading is there once, and *Changed* before what is only to be known."""
    text = (DOCS.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    for version in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert len(set(headings)) == len(headings), headings
        assert "Changed" not in headings[1:], headings
