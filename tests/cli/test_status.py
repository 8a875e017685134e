"""``watchtower status``: the answer first, the details after, for people and for scripts."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest

from tests.cli.conftest import PAYEE, Run
from watchtower.cli.porcelain import porcelain
from watchtower.cli.status import told
from watchtower.cli.status_view import lines, table
from watchtower.interfaces.amounts import amounts_as_text
from watchtower.store.database import Store
from watchtower.tower.bulletin import STATUS_NOTE

CHANNEL = "5097CC30E3F212DDBDF0BE8A494CC90AC7B8E5F14E2BE30B70E52FB002CCF3A8"
LEDGER_TIME = 820_540_801
SAID: dict[str, Any] = {
    "shadow": False,
    "ledger_index": 100,
    "ledger_time": LEDGER_TIME,
    "accounted": 100,
    "gaps": 0,
    "rules": "",
    "channels": 2,
    "at_stake": 30_000_000,
    "lost_drops": 0,
    "lost_channels": 0,
    "lost_last": None,
    "lost_at": None,
    "exposure": None,
    "deadlines": [
        {
            "channel": CHANNEL,
            "deadline": LEDGER_TIME + 1_740,
            "slack_seconds": 1_740,
            "window_seconds": 3_480,
            "at_stake": 30_000_000,
        }
    ],
    "seats": [{"account": PAYEE, "sequence": 7, "tickets": 3, "pool": 5}],
    "money": [{"account": PAYEE, "spendable_drops": 5_000_000, "needed_drops": 1_000_000}],
    "accounts_without_signer": [],
    "redeeming": 1,
    "outgoing": 0,
    "closing": 0,
    "attempts": 1,
    "servers": [
        {
            "server": "wss://one.example",
            "connected": True,
            "validated": 100,
            "amendment_blocked": False,
            "rank": 0,
            "why": "",
        },
        {
            "server": "wss://two.example",
            "connected": True,
            "validated": 100,
            "amendment_blocked": False,
            "rank": 1,
            "why": "it was silent",
        },
    ],
    "alarms": [],
}
KNOWN: dict[str, Any] = {
    "now": 1_767_225_700,
    "running": True,
    "age": 4,
    "network": 0,
    "cursor": 100,
    "claims": 2,
    "pending_claims": 1,
    "keys": [PAYEE],
    "signer": None,
    "accounts_without_key": [],
    "accounts_without_right": [],
    "in_recovery": False,
    "recovery": None,
    "last_backup": 1_767_225_600,
    "last_drill": {"at": 1_767_225_600, "place": "sandbox", "paid": True, "seconds": 3.25},
    "service_level": {"drills": 4, "succeeded": 3, "seconds_95": 4.0},
}


def report(**changes: Any) -> dict[str, Any]:
    """What the command has before it says it: all is well, but for ``changes``."""
    return told({**SAID, **KNOWN, **changes})


GOLDEN = f"""\
porcelain 1
state well
running yes
age 4
shadow no
recovery no
ledger 100 1767225601
accounted 100 0
channels 2 0
at_stake 30000000
lost 0 0 -
redeeming 1 0 1
claims 2 1
backup 1767225600
drill 1767225600 sandbox yes 3.2
service_level 4 3 4.0
deadline {CHANNEL} 1767227341 1740 3480 30000000
server wss://one.example yes 100 0 no
server wss://two.example yes 100 1 no
seat {PAYEE} 7 3 5
money {PAYEE} 5000000 1000000
"""


def test_porcelain_is_word_for_word_what_was_promised() -> None:
    """Scripts depend on it: whoever has to change this test breaks them, and makes a version 2."""
    assert "\n".join(porcelain(report())) + "\n" == GOLDEN


LOST: dict[str, Any] = {
    "lost_drops": 5_000_000,
    "lost_channels": 1,
    "lost_last": CHANNEL,
    "lost_at": 820_540_801,
}


@pytest.mark.parametrize("running", [True, False])
def test_a_loss_is_the_answer_though_no_alarm_stands(*, running: bool) -> None:
    """It is an alarm that stands for no time: who has no route would hear of it nowhere."""
    lost = report(**LOST, running=running)
    assert lost["state"] == "danger"
    (sentence,) = (one for one in lost["answer"] if "unpaid" in one)
    assert sentence.startswith(f"Channel {CHANNEL} has ended with 5 XRP unpaid")
    assert f"`watchtower explain {CHANNEL}`" in sentence
    assert sentence in lines(lost)
    assert "lost: 5 XRP on one channel, in all" in lines(lost)
    assert f"lost 5000000 1 {CHANNEL}" in list(porcelain(lost))
    assert amounts_as_text(lost)["lost_drops"] == "5000000"
    (several,) = (one for one in report(**LOST | {"lost_channels": 2})["answer"])
    assert several.startswith(f"2 channels, {CHANNEL} the last, have ended")


@pytest.mark.parametrize(("days", "state"), [(7, "danger"), (8, "well"), (None, "well")])
def test_a_loss_is_the_answer_for_a_week_and_stays_in_the_table(
    days: int | None, state: str
) -> None:
    """Nobody can mend it, and a tower that said so for good could say nothing else any more."""
    at = None if days is None else SAID["ledger_time"] - days * 86_400
    lost = report(**LOST | {"lost_at": at})
    assert lost["state"] == state
    assert "lost: 5 XRP on one channel, in all" in lines(lost)


def test_a_daemon_of_before_says_nothing_of_losses_and_is_understood() -> None:
    """Its last word is still there after an update, until the new one has written its own."""
    old = told({name: SAID[name] for name in SAID.keys() - LOST.keys()} | KNOWN)
    assert old["state"] == "well"
    assert "lost - - -" in list(porcelain(old))
    assert "lost" not in lines(old)


def test_porcelain_of_a_stranger_stays_one_field_in_one_line() -> None:
    """A route's name or a server may hold anything, and must not make up lines of its own."""
    route = {"route": "a b\nstate well\x1b[2J", "kind": "", "failing_since": None, "waiting": 1}
    alarm = {"severity": "info", "name": "x", "subject": "50 %", "sentence": ""}
    told_lines = list(porcelain(report(routes=[route], alarms=[alarm])))
    assert told_lines[-2] == "route a%20b%0Astate%20well%1B[2J - - 1 - - -"
    assert told_lines[-1] == "alarm info x 50%20%25"


def test_all_is_well_is_said_first_and_only_then() -> None:
    """Who looks at three in the morning reads one line."""
    text = lines(report())
    assert text.startswith("All is well.\n")
    for part in ("100 (2026-01-01T00:00:01Z), accounted for up to 100: 0 gaps", "29 min left"):
        assert part in text
    for part in ("3 of 5 tickets, sequence 7", "5 XRP to spend", "paid in 3.2 s; 3 of 4 were"):
        assert part in text
    assert text.index("wss://one.example") < text.index("wss://two.example")


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"running": False, "age": None}, "danger", "`watchtower run`"),
        ({"running": False, "age": 300}, "danger", "was last heard 5 min ago"),
        ({"running": False, "age": 5, "stopped": True}, "danger", "stopped 5 s ago"),
        ({"shadow": True}, "trouble", "--shadow"),
        ({"accounts_without_right": [PAYEE]}, "danger", f"No key of {PAYEE}"),
        ({"accounts_without_signer": [PAYEE]}, "danger", "Nothing can sign"),
        ({"gaps": 40}, "trouble", "40 ledgers are not accounted for"),
        ({"ledger_index": None, "gaps": None}, "trouble", "No ledger was heard of yet"),
        ({"servers": [{**SAID["servers"][0], "connected": False}]}, "danger", "No server"),
        (
            {"servers": [SAID["servers"][0], {**SAID["servers"][1], "connected": False}]},
            "trouble",
            "Only 1 of 2 servers",
        ),
        ({"deadlines": [{**SAID["deadlines"][0], "slack_seconds": 0}]}, "danger", "has passed"),
        (
            {"routes": [{"route": "mail", "failing_since": 5, "why": "500", "waiting": 3}]},
            "trouble",
            "do not get through by mail (500): 3 wait",
        ),
        (
            {"last_drill": {"at": 0, "seconds": 9.0, "paid": False, "why": "no server"}},
            "trouble",
            "The last drill was not paid (no server)",
        ),
        (
            {"in_recovery": True, "recovery": {"missing": {"wss://two.example": "silent"}}},
            "trouble",
            "it waits for wss://two.example",
        ),
        (
            {"alarms": [{"severity": "urgent", "name": "x", "subject": "", "sentence": "Act."}]},
            "danger",
            "x: Act.",
        ),
        (
            {"alarms": [{"severity": "warning", "name": "x", "subject": "", "sentence": "Look."}]},
            "trouble",
            "x: Look.",
        ),
    ],
)
def test_what_is_wrong_is_said_first_with_what_to_do(
    changes: dict[str, Any], state: str, said: str
) -> None:
    """And never that all is well beside it."""
    made = report(**changes)
    assert made["state"] == state
    assert said in lines(made).partition("\n\n")[0]
    assert "All is well" not in lines(made)


def test_danger_comes_before_trouble() -> None:
    """Whoever reads one line reads the worst."""
    made = report(shadow=True, accounts_without_signer=[PAYEE])
    assert "Nothing can sign" in made["answer"][0]
    assert "shadow mode" in made["answer"][1]


def test_what_a_server_said_cannot_draw_over_the_answer() -> None:
    """A reason with an escape sequence would else clear the screen and say that all is well."""
    server = {**SAID["servers"][0], "connected": False, "why": "\x1b[2J\rAll is well."}
    made = report(servers=[server])
    assert "\x1b" not in lines(made)
    assert "\r" not in lines(made)
    from rich.console import Console  # noqa: PLC0415 - only here

    drawn = Console(width=80, color_system=None, force_terminal=False)
    with drawn.capture() as captured:
        drawn.print(table(made))
    assert "\x1b" not in captured.get()


@pytest.mark.parametrize("width", [40, 80])
def test_table_loses_nothing_at_any_width(width: int) -> None:
    """A channel that is cut off cannot be copied; nothing is wider than the terminal."""
    from rich.console import Console  # noqa: PLC0415 - only here

    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(table(report()))
    drawn = captured.get()
    assert max(map(len, drawn.splitlines())) <= width
    assert CHANNEL in "".join(drawn.split())
    assert "█████░░░░░" in drawn


async def said(home: Path, **changes: Any) -> None:
    """Have the store hold what a daemon said a moment ago."""
    await noted(home, STATUS_NOTE, {**SAID, "written": int(time()), **changes})


async def noted(home: Path, name: str, value: Any) -> None:
    """Write a note into the store."""
    async with (
        await Store.open(home / "watchtower.db", "correct horse") as store,
        store.write() as work,
    ):
        await work.notes.put(name, value)


def test_every_form_ends_with_3_when_nobody_guards(run: Run, ready: Path) -> None:
    """A script asks in whichever form it likes."""
    asyncio.run(said(ready, stopped=True))
    for words in ((), ("--json",), ("--porcelain",)):
        assert run("status", *words).code == 3
    asyncio.run(said(ready))
    for words in ((), ("--json",), ("--porcelain",)):
        assert run("status", *words).code == 0


def test_service_level_and_last_drill_are_read_from_the_store(run: Run, ready: Path) -> None:
    """The newest stands last; those that were not paid took no time that counts."""
    drills = [
        {"at": at, "place": "sandbox", "seconds": float(at), "paid": at != 50, "why": None}
        for at in range(1, 51)
    ]
    asyncio.run(noted(ready, "drills", drills))
    (made,) = run("status", "--json").json()
    assert made["last_drill"]["at"] == 50
    assert made["service_level"] == {"drills": 50, "succeeded": 49, "seconds_95": 47.0}


def test_last_backup_is_told(run: Run, ready: Path) -> None:
    """By what the store itself remembers of it; and that there is none, while there is none."""
    assert run("status", "--json").json()[0]["last_backup"] is None
    made = run("backup", "key", str(ready / "key"), "--json").json()[0]
    with (ready / "watchtower.toml").open("a") as config:
        config.write(f'[backup]\nrecipients = ["{made["recipient"]}"]\n')
    (ready / "backups").mkdir(mode=0o700)
    before = int(time())
    assert run("backup", "create", str(ready / "backups")).code == 0
    assert before <= run("status", "--json").json()[0]["last_backup"] <= time()


def test_watch_off_a_terminal_is_refused(run: Run, ready: Path) -> None:
    """Nobody looks, and nothing would end it."""
    assert ready.exists()
    assert run("status", "--watch").code == 2
    assert run("status", "--json", "--porcelain").code == 2


class Terminal:
    """A process on a terminal of 80 columns, and what it has drawn so far."""

    def __init__(self, end: int, process: subprocess.Popen[bytes]) -> None:
        self._end = end
        self.process = process
        self.drawn = b""

    def read_until(self, wanted: bytes) -> None:
        """Read on until ``wanted`` was drawn, or the process has ended."""
        patience = monotonic() + 60
        while wanted not in self.drawn and monotonic() < patience:
            if not select.select([self._end], [], [], 1)[0]:
                continue
            try:
                piece = os.read(self._end, 65_536)
            except OSError:  # the other end was closed
                return
            self.drawn += piece


@contextmanager
def terminal(*words: str, **environment: str) -> Iterator[Terminal]:
    """Run ``watchtower`` on a pseudo-terminal."""
    end, other = pty.openpty()
    ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "watchtower", *words],
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )
    os.close(other)
    try:
        yield Terminal(end, process)
    finally:
        process.kill()
        process.wait()
        os.close(end)


def test_terminal_sees_colours_unless_it_wants_none(ready: Path) -> None:
    """`NO_COLOR` is what people set who cannot read them."""
    asyncio.run(said(ready, stopped=True))
    for environment, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with terminal("status", **environment) as screen:
            screen.read_until(b"`watchtower backup create`")
            assert screen.process.wait(30) == 3
            assert b"watchtower run" in screen.drawn
            assert (b"\x1b[1;31m" in screen.drawn) is is_coloured


def test_watch_shows_what_changes_and_leaves_the_terminal_as_it_was(ready: Path) -> None:
    """On a screen of its own, whose cursor and content come back; Ctrl-C is no failure."""
    asyncio.run(said(ready))
    with terminal("status", "--watch") as screen:
        screen.read_until(b"wss://two.example")
        assert b"\x1b[?1049h" in screen.drawn
        asyncio.run(said(ready, stopped=True))
        screen.read_until(b"nobody guards")
        assert b"nobody guards" in screen.drawn
        screen.process.send_signal(signal.SIGINT)
        screen.read_until(b"\x1b[?25h")
        assert screen.process.wait(30) == 0
        assert b"\x1b[?1049l" in screen.drawn
        assert b"Traceback" not in screen.drawn
