"""``watchtower alert``: a test that says where it arrived, and a look at what was told."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from typing_extensions import override

from tests.alerts.test_deliver import Told, notice
from tests.cli.conftest import Run
from watchtower.alerts.deliver import Deliverer
from watchtower.alerts.rules import Severity
from watchtower.store.database import Store
from watchtower.tower.route_watch import ALERTS_NOTE
from watchtower.tower.tending import STATUS_NOTE


class Hook(BaseHTTPRequestHandler):
    """Takes everything but what is posted to ``/broken``."""

    bodies: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.bodies.append(json.loads(body))
        self.send_response(500 if self.path == "/broken/T0KEN" else 200)
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    """The address of a server, in a thread, for a command that has a loop of its own."""
    Hook.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


def configure(ready: Path, text: str) -> None:
    """Say where alarms go."""
    config = ready / "watchtower.toml"
    config.write_text(f"{config.read_text()}\n[alerts]\n{text}\n")


def test_a_test_says_where_it_arrived_and_where_not(run: Run, ready: Path, hook: str) -> None:
    """Every route is tried, whatever becomes of another; and no address is said."""
    apprise = ready / "apprise"
    apprise.write_text(f"# mail\n{hook.replace('http', 'json', 1)}/T0KEN\n")
    apprise.chmod(0o600)
    secret = ready / "secret"
    secret.write_text(f"whsec_{'A' * 44}")
    secret.chmod(0o600)
    configure(
        ready,
        f"command = [{json.dumps(sys.executable)}, '-c', 'raise SystemExit(3)']\n"
        f"webhook = '{hook}/well/T0KEN'\n"
        f"apprise_file = 'apprise'\n"
        f"webhooks = [{{url = '{hook}/broken/T0KEN', secret_file = 'secret', name = 'ops'}}]",
    )

    said = run("alert", "test", "--json")

    assert said.code == 97
    told = {line["route"]: (line["arrived"], line["why"]) for line in said.json()}
    assert told == {
        f"command {sys.executable}": (False, "ended with 3"),
        "webhook 127.0.0.1": (True, None),
        "webhook ops": (False, "answered 500"),
        "apprise json": (True, None),
    }
    assert "ops: answered 500" in said.err
    assert "T0KEN" not in said.out + said.err
    assert {body.get("name", "test") for body in Hook.bodies} == {"test"}


def test_one_route_alone_can_be_tried(run: Run, ready: Path, hook: str) -> None:
    """By the name that the test of all of them prints."""
    configure(ready, f"webhooks = [{{url = '{hook}', name = 'a'}}, {{url = '{hook}', name = 'b'}}]")

    assert run("alert", "test", "--route", "webhook b").out.startswith("webhook b: arrived")
    assert len(Hook.bodies) == 1
    said = run("alert", "test", "--route", "nosuch")
    assert said.code == 2
    assert "'webhook a', 'webhook b'" in said.err


def test_two_routes_of_one_host_are_told_apart(run: Run, ready: Path, hook: str) -> None:
    """A record that names both alike would say nothing."""
    configure(ready, f"webhook = '{hook}'\nwebhooks = [{{url = '{hook}/two'}}]")

    lines = run("alert", "test", "--json").json()
    assert [line["route"] for line in lines] == ["webhook 127.0.0.1", "webhook 127.0.0.1 2"]


def test_a_pager_is_not_tried_with_what_it_would_never_be_told(
    run: Run, ready: Path, hook: str
) -> None:
    """A test of severity info must not wake anybody."""
    configure(ready, f"webhook = '{hook}'\nwebhook_from = 'urgent'")

    assert run("alert", "test").code == 0
    said = run("alert", "test", "--severity", "info")
    assert said.code == 97
    assert "no route is told what is info" in said.err
    assert len(Hook.bodies) == 1


@pytest.mark.usefixtures("ready")
def test_without_a_route_a_test_is_no_success(run: Run) -> None:
    """Whoever tries it believes that somebody would be told."""
    said = run("alert", "test")
    assert (said.code, "no route is configured" in said.err) == (97, True)


async def _leave(path: Path) -> None:
    """Leave behind what a daemon does: one alarm told, one given up on, one that waits."""
    route = Told("waits")
    deliverer = Deliverer([route], wall=lambda: 1_800_000_000.0)
    running = asyncio.create_task(deliverer.run())
    deliverer.tell(notice("arrived", Severity.WARNING))
    await route.until(lambda: "arrived" in route.tried)
    deliverer.tell(notice("waits", Severity.URGENT))
    await route.until(lambda: "waits" in route.tried)
    await asyncio.sleep(0)
    alarm = {"name": "x", "subject": "waits", "severity": "urgent", "sentence": "It is so. Look."}
    async with await Store.open(path, "correct horse") as store, store.write() as work:
        await work.notes.put(ALERTS_NOTE, deliverer.kept())
        await work.notes.put(STATUS_NOTE, {"alarms": [alarm], "routes": deliverer.report()})
    running.cancel()


def test_a_list_says_what_stands_what_was_told_where_and_what_waits(run: Run, ready: Path) -> None:
    """By the daemon's last word, and its record."""
    assert run("alert", "list").out == "No alarm stands.\n"
    asyncio.run(_leave(ready / "watchtower.db"))

    said = run("alert", "list")
    assert said.code == 0
    assert said.out.splitlines() == [
        "URGENT x: It is so. Look.",
        "told: fails since 2027-01-15T08:00:00Z (does not like it); 1 wait",
        "2027-01-15T08:00:00Z told: delivered: raised x (arrived)",
        "Waits for told since 2027-01-15T08:00:00Z: x (waits)",
    ]
    (report,) = run("alert", "list", "--json").json()
    assert [one["subject"] for one in report["told"]] == ["arrived"]
    assert [one["subject"] for one in report["waiting"]] == ["waits"]
    assert run("alert", "list", "--last", "0", "--json").json()[0]["told"] == []
