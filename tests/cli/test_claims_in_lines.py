"""Claims by the line: those that come together are kept together, and each gets its answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Run
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops

PAYER = Person.named("a payer at the command line")
CHANNEL = ChannelId("5097CC30E3F212DDBDF0BE8A494CC90AC7B8E5F14E2BE30B70E52FB002CCF3A8")


def line(drops: int) -> str:
    """A claim of the payer's as a line of JSON."""
    signature = PAYER.sign_claim(CHANNEL, Drops(drops))
    return json.dumps(
        {
            "channel": CHANNEL,
            "amount": drops,
            "signature": signature,
            "public_key": PAYER.public_key,
        }
    )


def test_lines_that_come_together_are_kept_together(run: Run, ready: Path) -> None:
    """Each has its own answer, as if the others had come before it or behind."""
    assert ready.exists()
    lines = [line(drops) for drops in (5, 7, 6, 9)]
    answers = run("claim", "add", "-", "--json", stdin="\n".join(lines)).json()
    assert [(one["line"], one["pending"], one["best"]) for one in answers] == [
        (1, True, "5"),
        (2, True, "7"),
        (3, False, "7"),
        (4, True, "9"),
    ]


def test_a_line_without_an_end_is_answered_and_the_next_is_taken(run: Run, ready: Path) -> None:
    """It must not fill the memory either: what is longer than any claim is cut."""
    assert ready.exists()
    lines = f"{'x' * 300_000}\n{line(5)}\n"
    answers = run("claim", "add", "-", "--json", stdin=lines).json()
    assert [one["pending"] for one in answers] == [False, True]


def test_a_claim_is_answered_while_the_next_is_not_there_yet(ready: Path) -> None:
    """``tail -f claims.jsonl | watchtower claim add -``."""
    with subprocess.Popen(
        [sys.executable, "-m", "watchtower", "claim", "add", "-", "--json"],
        cwd=ready,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for drops in (5, 6):
            process.stdin.write(f"{line(drops)}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["best"] == str(drops)
        process.stdin.close()
