"""Long imports: in every form, interrupted and gone on with, shown to whoever looks."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.claims.formats.test_mpp import CHALLENGE, header
from tests.cli.conftest import Run
from tests.cli.test_claims_in_lines import CHANNEL, PAYER, line
from watchtower.units import Drops

ADD = (sys.executable, "-m", "watchtower", "claim", "add")
SIGNED = {drops: line(drops) for drops in (5, 6, 7)}


def row(drops: int) -> str:
    """A claim of the payer's as a row."""
    return f"{CHANNEL},{drops},{PAYER.sign_claim(CHANNEL, Drops(drops))},{PAYER.public_key}"


def lines_file(folder: Path, many: int) -> Path:
    """A file with as many claims, each above the one before."""
    path = folder / "claims.jsonl"
    path.write_text("".join(f"{line(drops)}\n" for drops in range(1, many + 1)))
    return path


@contextmanager
def adding(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process of its own, killed at the end if need be."""
    # Whoever runs the tests in the background may ignore Ctrl-C, and the command would inherit it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [*ADD, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_rows_are_imported_below_their_names(run: Run, ready: Path) -> None:
    """Numbered as an editor numbers them, and each answered."""
    path = ready / "claims.csv"
    path.write_text(f"channel,amount,signature,public_key\r\n{row(5)}\r\n\r\n{row(7)}\r\nnonsense")
    ended = run("claim", "add", "--file", str(path), "--format", "csv", "--json")
    assert [(one["line"], one["pending"]) for one in ended.json()] == [
        (2, True),
        (4, True),
        (5, False),
    ]
    assert ended.code == 15


def test_rows_without_names_are_refused_as_a_whole(run: Run, ready: Path) -> None:
    """The first claim would be taken for the names."""
    path = ready / "claims.csv"
    path.write_text(row(5))
    ended = run("claim", "add", "--file", str(path), "--format", "csv")
    assert (ended.code, ended.out) == (15, "")
    assert "first row" in ended.err


def test_a_voucher_without_a_key_is_to_come_again_while_no_server_answers(
    run: Run, ready: Path
) -> None:
    """Nothing of it is stored, and the person is told what to do."""
    assert ready.exists()
    payload = {"action": "voucher", "channelId": CHANNEL, "amount": "5", "signature": "30" * 70}
    voucher = header({"challenge": CHALLENGE, "payload": payload})
    ended = run("claim", "add", "-", "--format", "mpp", "--json", stdin=voucher)
    (answer,) = ended.json()
    assert (answer["why_not_kept"], ended.code) == ("key_unknown", 46)
    assert "import them again" in run("claim", "add", "-", "--format", "mpp", stdin=voucher).err
    alone = run("claim", "add", CHANNEL, "5", "30" * 70)
    assert (alone.code, "Hand it over again" in alone.err) == (46, True)
    assert run("claim", "list", "--json").json() == []


def test_people_are_told_at_the_end_what_became_of_all(run: Run, ready: Path) -> None:
    """On standard error, so that the answers stay what they are."""
    assert ready.exists()
    text = "\n".join([SIGNED[5], SIGNED[6], SIGNED[5], "nonsense"])
    ended = run("claim", "add", "-", stdin=text)
    assert ended.err.splitlines()[-1] == (
        "4 claims read: 2 pending, 1 not above what is kept, 1 no claims."
    )


def test_what_was_killed_goes_on_where_it_was_and_loses_nothing(run: Run, ready: Path) -> None:
    """SIGKILL in the middle: what was acknowledged is there, the rest is read once."""
    path = lines_file(ready, 3_000)
    with adding(ready, "--file", str(path), "--json") as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(1_200)]
        process.kill()
        with suppress(ValueError):  # what it said meanwhile; the last line may be half a one
            told += [json.loads(one) for one in process.stdout]
    kept = {int(one["amount"]): one for one in run("claim", "list", "--json").json()}
    assert max(kept) >= int(told[-1]["amount"])
    rest = run("claim", "add", "--file", str(path), "--json", "--resume").json()
    assert 1 < rest[0]["line"] <= told[-1]["line"] + 1
    assert [one["line"] for one in rest] == list(range(rest[0]["line"], 3_001))
    assert [one["amount"] for one in run("claim", "list", "--json").json()] == ["3000"]
    assert run("claim", "add", "--file", str(path), "--json", "--resume").out == ""


def test_an_import_that_is_interrupted_by_hand_says_how_to_go_on(ready: Path) -> None:
    """Ctrl-C; nothing is lost, and nobody has to guess."""
    path = lines_file(ready, 3_000)
    with adding(ready, "--file", str(path)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(2_000):  # two lines a claim
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        said = process.stderr.read().decode()
        assert process.wait() == 130
    assert "--resume goes on there" in said


def test_rows_are_gone_on_with_under_the_names_of_the_first(run: Run, ready: Path) -> None:
    """And a file that has grown is read from where it ended, its last line whole."""
    path = ready / "claims.csv"
    many = "".join(f"{row(drops)}\n" for drops in range(1, 1_001))
    path.write_text(f"channel,amount,signature,public_key\n{many}{row(2_000)[:-9]}")
    run("claim", "add", "--file", str(path), "--format", "csv", "--json")
    with path.open("a") as file:
        file.write(f"{row(2_000)[-9:]}\n{row(2_001)}\n")
    ended = run("claim", "add", "--file", str(path), "--format", "csv", "--json", "--resume")
    assert [(one["line"], one["best"]) for one in ended.json()] == [
        (1_002, "2000"),
        (1_003, "2001"),
    ]


def test_a_file_that_was_changed_is_not_gone_on_with(run: Run, ready: Path) -> None:
    """Somebody else's lines may stand where the rest was."""
    path = lines_file(ready, 1_000)
    assert run("claim", "add", "--file", str(path), "--json").code == 0
    path.write_text(path.read_text().replace('"amount": 1,', '"amount": 2,', 1))
    ended = run("claim", "add", "--file", str(path), "--resume")
    assert ended.code == 19
    assert "without --resume" in ended.err


def test_claims_that_are_to_come_again_are_not_passed_over(run: Run, ready: Path) -> None:
    """A key that nobody knew is no reason to skip the claim for ever."""
    lines = [line(drops) for drops in range(1, 1_001)]
    keyless = json.loads(lines[0])
    del keyless["public_key"]
    path = ready / "claims.jsonl"
    path.write_text("\n".join([*lines[:600], json.dumps(keyless), *lines[600:], ""]))
    run("claim", "add", "--file", str(path), "--json")
    again = run("claim", "add", "--file", str(path), "--json", "--resume").json()
    assert 1 < again[0]["line"] <= 601


def test_a_file_that_is_read_for_the_first_time_may_be_resumed_too(run: Run, ready: Path) -> None:
    """So that a script need not know."""
    path = lines_file(ready, 3)
    answers = run("claim", "add", "--file", str(path), "--json", "--resume").json()
    assert len(answers) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("-", "--resume"),
        (CHANNEL, "5", "30", "--resume"),
        (CHANNEL, "5", "30", "--format", "csv"),
        ("-", "--format", "xml"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    run: Run, ready: Path, arguments: tuple[str, ...]
) -> None:
    """Standard input comes but once; three words are of one form."""
    assert ready.exists()
    assert run("claim", "add", *arguments).code == 2


@pytest.mark.parametrize(("arguments", "is_shown"), [((), True), (("--json",), False)])
def test_a_bar_is_shown_at_a_terminal_and_never_with_json(
    ready: Path, arguments: tuple[str, ...], *, is_shown: bool
) -> None:
    """With what was kept so far; the answers go where they always do."""
    path = lines_file(ready, 1_000)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*ADD, "--file", str(path), *arguments],
        cwd=ready,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        answers = process.stdout.read().decode().splitlines()
        said = b""
        with suppress(OSError):  # the other end is gone
            while some := os.read(ours, 65_536):
                said += some
    os.close(ours)
    assert ("importing" in said.decode()) is is_shown
    assert len([one for one in answers if "line" in one]) == 1_000
    if is_shown:
        assert "kept, " in said.decode()
        assert "1,000 claims read" in said.decode()
