"""How a notice leaves the house, and what it never takes along."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import sys
from pathlib import Path

import pytest

from tests.alerts.conftest import HttpServer
from watchtower.alerts.routes import CommandRoute, WebhookRoute

REPORT = json.dumps({"name": "lost", "sentence": "C1 closed; $(touch /tmp/x) 'unpaid'."}).encode()


def python(code: str, *arguments: str, timeout: float = 30.0) -> CommandRoute:
    """Return a route that runs a line of Python."""
    command = (sys.executable, "-c", code, *arguments)
    return CommandRoute(command, timeout=timeout, environment=os.environ)


async def test_a_command_gets_the_report_on_standard_input(tmp_path: Path) -> None:
    """Exactly the JSON, whatever characters are in it: no shell sees it."""
    there = tmp_path / "report"
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"

    assert await python(code, str(there)).hand_over(REPORT) is None
    assert there.read_bytes() == REPORT


async def test_a_command_does_not_see_the_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of our environment opens the store or speaks for us stays here."""
    ours = {
        "WATCHTOWER_PASSPHRASE": "horse",
        "WATCHTOWER_CONFIG": "x",
        "CREDENTIALS_DIRECTORY": "/run/credentials/x",
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "1",
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SMTP_HOST", "mail")
    there = tmp_path / "environment"
    code = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"

    assert await python(code, str(there)).hand_over(REPORT) is None

    seen = json.loads(there.read_text())
    assert not set(ours) & set(seen)
    assert seen["SMTP_HOST"] == "mail"


async def test_a_failing_command_says_how_it_ended() -> None:
    """The exit status is the reason."""
    assert await python("raise SystemExit(3)").hand_over(REPORT) == "ended with 3"


async def test_a_command_that_does_not_read_is_no_failure() -> None:
    """A command may ignore its input, even one that is larger than a pipe."""
    assert await python("pass").hand_over(b"x" * 1_000_000) is None


async def test_a_command_that_does_not_exist_is_a_reason_not_a_crash(tmp_path: Path) -> None:
    """A typo in the configuration must not take the tower down."""
    route = CommandRoute((str(tmp_path / "none"),), timeout=30, environment={})

    assert "cannot be started" in (await route.hand_over(REPORT) or "")


async def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """Nothing of it is left: the pipe that its grandchild holds is closed by its death."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    code = "import os, sys, time\nos.open(sys.argv[1], os.O_WRONLY)\nos.fork()\ntime.sleep(600)\n"
    try:
        why = await python(code, str(fifo), timeout=2.0).hand_over(REPORT)
        ended, _, _ = select.select([reader], [], [], 30)
        end_of_file = os.read(reader, 1) if ended else b"still alive"
    finally:
        os.close(reader)

    assert why == "did not end within 2 s"
    assert end_of_file == b""


async def test_a_webhook_is_posted_json(http_server: HttpServer) -> None:
    """One POST with the report as it is."""
    route = WebhookRoute(f"{http_server.url}/hook/T0KEN", timeout=30)

    assert await route.hand_over(REPORT) is None

    (request,) = http_server.received
    assert (request.method, request.path, request.body) == ("POST", "/hook/T0KEN", REPORT)
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [302, 404, 503])
async def test_a_webhook_that_does_not_take_it_says_why(
    http_server: HttpServer, status: int
) -> None:
    """A redirect is not followed either: it would lead the report to another house."""
    http_server.answers = [status]
    route = WebhookRoute(http_server.url, timeout=30)

    assert await route.hand_over(REPORT) == f"answered {status}"
    assert len(http_server.received) == 1


@pytest.mark.parametrize("how", [None, 0], ids=["silent", "dripping"])
async def test_a_webhook_that_hangs_is_given_up(http_server: HttpServer, how: int | None) -> None:
    """The whole request has a timeout: neither silence nor a drip of bytes holds a worker."""
    http_server.answers = [how]
    route = WebhookRoute(http_server.url, timeout=0.3)

    why = await asyncio.wait_for(route.hand_over(REPORT), 30)

    assert (why or "").startswith(("did not answer", "cannot be reached"))


async def test_a_webhook_out_of_reach_never_tells_its_address() -> None:
    """The path of a webhook is its password; neither its name nor a reason shows it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        route = WebhookRoute(f"http://127.0.0.1:{unused.getsockname()[1]}/T0KEN", timeout=30)
        why = await route.hand_over(REPORT)

    assert why == "cannot be reached (ConnectError)"
    assert "T0KEN" not in route.name
