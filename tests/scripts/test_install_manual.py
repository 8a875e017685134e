"""What scripts/install puts where `man` and shells look, and scripts/uninstall takes away."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.test_install import ROOT, Host, host

__all__ = ["host"]

COMPLETIONS = (
    "bash-completion/completions/watchtower",
    "zsh/site-functions/_watchtower",
    "fish/vendor_completions.d/watchtower.fish",
)


def found_by_man(share: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Ask `man` where the page of a name is."""
    return subprocess.run(
        ["man", "--where", name],
        env={"PATH": os.environ["PATH"], "MANPATH": str(share / "man")},
        capture_output=True,
        text=True,
        check=False,
    )


def left(share: Path) -> Iterator[str]:
    """Yield what stands below a folder."""
    for path in share.rglob("*"):
        if path.is_symlink() or path.is_file():
            yield path.relative_to(share).as_posix()


def test_a_manual_that_cannot_be_made_keeps_nobody_from_being_guarded(tmp_path: Path) -> None:
    """It is said, and the installation goes on: the step is tried as it stands in the script."""
    script = (ROOT / "scripts" / "install").read_text(encoding="utf-8")
    (function,) = re.findall(r"^describe\(\) \{.*?^\}", script, re.MULTILINE | re.DOTALL)
    (step,) = re.findall(r"^  (describe .*)$", script, re.MULTILINE)
    around = 'set -e; run() { "$@"; }; say() { echo "$@"; }'
    tried = f"{around}\n{function}\ninto={tmp_path}\n{step}\necho on"
    told = subprocess.run(["bash", "-c", tried], capture_output=True, text=True, check=False)

    assert told.stdout.splitlines()[-1] == "on"
    assert "could not be made" in told.stdout


@pytest.mark.walk
def test_the_manual_and_the_completion_are_of_the_version_that_runs(host: Host) -> None:
    """Links into the program; what others put there stays, also when the tower goes."""
    share = host.at / "usr" / "local" / "share"
    theirs = share / "zsh" / "site-functions" / "_watchtower"
    gone = share / "man" / "man1" / "watchtower-no-more.1"
    for path in (theirs, gone):
        path.parent.mkdir(parents=True)
    theirs.write_text("theirs", encoding="utf-8")
    gone.symlink_to(host.program / "share" / "man" / "man1" / gone.name)
    host.begin()

    assert found_by_man(share, "watchtower-key-import").returncode == 0
    assert (
        (share / "man" / "man5" / "watchtower.toml.5")
        .resolve()
        .is_relative_to(host.program.resolve())
    )
    completion = (share / COMPLETIONS[0]).read_text(encoding="utf-8")
    assert completion == host.watchtower("completion", "bash").stdout
    assert (share / COMPLETIONS[2]).is_symlink()
    assert theirs.read_text(encoding="utf-8") == "theirs"
    assert not gone.is_symlink()
    assert not list((host.clone / "manual").glob("__pycache__"))

    assert host.run("uninstall").returncode == 0
    assert list(left(share)) == [COMPLETIONS[1]]
