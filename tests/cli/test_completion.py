"""A shell that was given our script completes what the commands are, and starts nothing of ours.

The shells are real ones, at a terminal of their own, to which keys are sent.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from watchtower.cli import root
from watchtower.cli.completion_scripts import SCRIPTS
from watchtower.cli.completion_tree import Value, places

SHELLS = ("bash", "zsh", "fish")
TAB, ALL, BEGIN, END = "\t", "\x1b*", "\x01", "\x05"
"""Keys: complete, insert all that could be meant (bash alone), and to both ends of the line."""

CASES = [
    ("watchtower chan", "watchtower channel "),
    ("watchtower channel li", "watchtower channel list "),
    ("watchtower channel list --cl", "watchtower channel list --closed "),
    ("watchtower alert test --severity ur", "watchtower alert test --severity urgent "),
    ("watchtower alert test --severity=ur", "watchtower alert test --severity=urgent "),
    ("watchtower vault add cre", "watchtower vault add credential "),
    ("watchtower --vers", "watchtower --version "),
    ("watchtower key import --seed-file ./my-se", "watchtower key import --seed-file ./my-seed "),
    ("watchtower backup verify --key ./my-se", "watchtower backup verify --key ./my-seed "),
    ("watchtower authority import ./my-se", "watchtower authority import ./my-seed "),
    ("watchtower key import --account ./my-se", "watchtower key import --account ./my-se"),
    ("watchtower channel show ./my-se", "watchtower channel show ./my-se"),
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the command prints for each shell."""
    folder = tmp_path_factory.mktemp("scripts")
    for shell in SHELLS:
        printed = CliRunner().invoke(root, ["completion", shell])
        assert printed.exit_code == 0
        (folder / shell).write_text(printed.stdout, encoding="utf-8")
    return folder


class Terminal:
    """A shell at a terminal; nothing on its ``PATH`` is ours."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.line, end = os.openpty()
        kept = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "HOME": str(folder), "PS1": "$ "}
        self.shell = subprocess.Popen(
            ["setsid", "--ctty", *command],
            cwd=folder,
            env=kept | {"INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8"},
            stdin=end,
            stdout=end,
            stderr=end,
        )
        os.close(end)

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self.line, keys.encode())

    def completed(self, written: str, key: str = TAB) -> str:
        """Return what a line has become once ``key`` was pressed at its end.

        The line is not run, but printed between two signs that no key makes: it is made the
        argument of ``printf`` first.
        """
        self.send(f"{written}{key}{BEGIN}printf '\\036%s\\037' '{END}'\n")
        told = ""
        while not (found := re.search("\x1e(.*?)\x1f", told)):
            told += os.read(self.line, 4096).decode()
        return found[1]

    def close(self) -> None:
        """Hang up."""
        os.close(self.line)
        self.shell.wait()


BEGINNINGS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ". {}\n"),
    "zsh": (
        ["zsh", "-f", "-i"],
        "bindkey -e; autoload -U compinit; compinit -u -D; . {}\n",
    ),
}


@pytest.fixture
def terminal(scripts: Path, tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    """Opens a terminal with a shell that has our script."""
    (tmp_path / "my-seed").touch()
    opened: list[Terminal] = []

    def begin(shell: str) -> Terminal:
        command, first = BEGINNINGS[shell]
        opened.append(Terminal(command, tmp_path))
        opened[-1].send(first.format(scripts / shell))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


@pytest.mark.parametrize("shell", BEGINNINGS)
def test_a_shell_at_a_terminal_completes(shell: str, terminal: Callable[[str], Terminal]) -> None:
    """Commands, options, values and files; and no files where none belong."""
    at = terminal(shell)

    made = [at.completed(written).rstrip() for written, _ in CASES]
    assert made == [whole.rstrip() for _, whole in CASES]


@pytest.mark.parametrize(("written", "whole"), CASES)
def test_fish_completes(scripts: Path, tmp_path: Path, written: str, whole: str) -> None:
    """It tells by itself what it would complete, without a terminal."""
    (tmp_path / "my-seed").touch()
    command = f"source {scripts / 'fish'}; complete --do-complete '{written}'"
    asked = ["fish", "--no-config", "--command", command]
    kept = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    told = subprocess.run(asked, cwd=tmp_path, env=kept, capture_output=True, text=True, check=True)
    words = [line.partition("\t")[0] for line in told.stdout.splitlines()]

    assert words == ([whole.rsplit(maxsplit=1)[-1]] if whole.endswith(" ") else [])


def test_bash_knows_every_command_and_option(terminal: Callable[[str], Terminal]) -> None:
    """Of each group what is in it, of each command its options: all that there are."""
    at = terminal("bash")
    for place in places(root, "watchtower"):
        if place.commands:
            words = at.completed(f"{place.name} ", ALL).removeprefix(place.name).split()
            assert words == [word for word, _ in place.commands], place.name
        words = at.completed(f"{place.name} --", ALL).removeprefix(place.name).split()
        names = {name for option in place.options for name in option.names}
        assert set(words) == {name for name in names if name.startswith("--")}, place.name


def test_what_bash_splits_at_the_sign_is_completed_all_the_same(
    terminal: Callable[[str], Terminal],
) -> None:
    """``--severity=`` reaches the script in two words."""
    at = terminal("bash")

    words = at.completed("watchtower alert test --severity=", ALL).split()[-3:]
    assert {word.rpartition("=")[2] for word in words} == {"info", "warning", "urgent"}


def test_every_option_that_speaks_of_a_file_completes_files() -> None:
    """Most take the path as text, for `-` is good as well, and are known by their names."""
    lost = [
        f"{place.name} {option.names[0]}"
        for place in places(root, "watchtower")
        for option in place.options
        if re.search(r"\bfile\b", option.means, re.IGNORECASE) and option.takes is Value.ANYTHING
    ]

    assert lost == []


@pytest.mark.parametrize("shell", SHELLS)
def test_help_stays_text_whatever_is_in_it(shell: str, tmp_path: Path) -> None:
    """Quotes, backticks and dollars of a help are told, and never run by whoever completes."""
    nasty = "It's `touch gone`, $(touch gone) \\' \"$HOME\" %s; ok"
    act = click.Command("act", help=nasty, params=[click.Option(["--it"], help=nasty)])
    tower = click.Group("watchtower", commands={"act": act})
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell](list(places(tower, "watchtower"))), encoding="utf-8")
    asked = {
        "bash": f". {script}; COMP_WORDS=(watchtower '') COMP_CWORD=1; _watchtower watchtower '' x",
        "zsh": f"compdef() {{ :; }}; _describe() {{ :; }}; . {script}; words=(watchtower act -) "
        "CURRENT=3 PREFIX=-; _watchtower",
        "fish": f"source {script}; complete -C 'watchtower '; complete -C 'watchtower act --'",
    }[shell]

    done = subprocess.run(
        [shell, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert not (tmp_path / "gone").exists()
    assert shell != "fish" or nasty in done.stdout


def test_completing_is_printed_without_a_configuration(tmp_path: Path) -> None:
    """No store, no passphrase, no question: it is run where nothing is set up yet."""
    command = [sys.executable, "-m", "watchtower", "completion", "bash", "--json"]
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    told = subprocess.run(
        command, cwd=tmp_path, env=kept, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )

    assert json.loads(told.stdout)["shell"] == "bash"
    assert list(tmp_path.iterdir()) == []
