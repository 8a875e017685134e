"""How a notice leaves the house, and what it never takes along."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import select
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.alerts.conftest import HttpServer
from watchtower.alerts import routes
from watchtower.alerts.message import message_of
from watchtower.alerts.routes import CommandRoute, WebhookRoute, request
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity
from watchtower.alerts.signature import secret_of, signed_headers

ALARM = Alarm(
    name="lost",
    subject="C1",
    severity=Severity.URGENT,
    sentence="C1 closed; $(touch /tmp/x) 'unpaid'.",
)
MESSAGE = message_of(Notice(kind=NoticeKind.HAPPENED, alarm=ALARM), name="msg_1", at=0.0)
REPORT = MESSAGE.report.encode()


def python(code: str, *arguments: str, timeout: float = 30.0) -> CommandRoute:
    """Return a route that runs a line of Python."""
    command = (sys.executable, "-c", code, *arguments)
    return CommandRoute(command, timeout=timeout, environment=os.environ)


async def test_a_command_gets_the_report_on_standard_input(tmp_path: Path) -> None:
    """Exactly the JSON, whatever characters are in it: no shell sees it."""
    there = tmp_path / "report"
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"

    assert await python(code, str(there)).hand_over(MESSAGE) is None
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

    assert await python(code, str(there)).hand_over(MESSAGE) is None

    seen = json.loads(there.read_text())
    assert not set(ours) & set(seen)
    assert seen["SMTP_HOST"] == "mail"


async def test_a_failing_command_says_how_it_ended() -> None:
    """The exit status is the reason."""
    assert await python("raise SystemExit(3)").hand_over(MESSAGE) == "ended with 3"


async def test_a_command_that_does_not_read_is_no_failure() -> None:
    """A command may ignore its input, even one that is larger than a pipe."""
    assert (
        await python("pass").hand_over(msgspec.structs.replace(MESSAGE, report="x" * 1_000_000))
        is None
    )


async def test_a_command_that_does_not_exist_is_a_reason_not_a_crash(tmp_path: Path) -> None:
    """A typo in the configuration must not take the tower down."""
    route = CommandRoute((str(tmp_path / "none"),), timeout=30, environment={})

    assert "cannot be started" in (await route.hand_over(MESSAGE) or "")


async def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """Nothing of it is left: the pipe that its grandchild holds is closed by its death."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    code = "import os, sys, time\nos.open(sys.argv[1], os.O_WRONLY)\nos.fork()\ntime.sleep(600)\n"
    try:
        why = await python(code, str(fifo), timeout=2.0).hand_over(MESSAGE)
        ended, _, _ = select.select([reader], [], [], 30)
        end_of_file = os.read(reader, 1) if ended else b"still alive"
    finally:
        os.close(reader)

    assert why == "did not end within 2 s"
    assert end_of_file == b""


async def test_a_webhook_is_posted_json(http_server: HttpServer) -> None:
    """One POST with the report as it is."""
    route = WebhookRoute(f"{http_server.url}/hook/T0KEN", timeout=30)

    assert await route.hand_over(MESSAGE) is None

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

    assert await route.hand_over(MESSAGE) == f"answered {status}"
    assert len(http_server.received) == 1


@pytest.mark.parametrize("how", [None, 0], ids=["silent", "dripping"])
async def test_a_webhook_that_hangs_is_given_up(http_server: HttpServer, how: int | None) -> None:
    """The whole request has a timeout: neither silence nor a drip of bytes holds a worker."""
    http_server.answers = [how]
    route = WebhookRoute(http_server.url, timeout=0.3)

    why = await asyncio.wait_for(route.hand_over(MESSAGE), 30)

    assert (why or "").startswith(("did not answer", "cannot be reached"))


async def test_a_webhook_out_of_reach_never_tells_its_address() -> None:
    """The path of a webhook is its password; neither its name nor a reason shows it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        route = WebhookRoute(f"http://127.0.0.1:{unused.getsockname()[1]}/T0KEN", timeout=30)
        why = await route.hand_over(MESSAGE)

    assert why == "cannot be reached (ConnectError)"
    assert "T0KEN" not in route.name


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Verify a request as docs/operating.md tells those who verify by hand to do it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    given = [part.partition(",") for part in headers.get("webhook-signature", "").split(" ")]
    return any(version == "v1" and value == wanted for version, _, value in given)


def test_a_signature_is_that_of_the_standard() -> None:
    """The example of the specification's own libraries (standard-webhooks, python/tests)."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers(
        [secret_of(secret)],
        name="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=1_614_265_330,
        body=b'{"test": 2432232314}',
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_webhook_knows_by_the_signature_that_it_was_us(http_server: HttpServer) -> None:
    """By each of two secrets while one takes the place of the other; and not what was changed."""
    old, new, other = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in range(3))
    route = WebhookRoute(
        http_server.url,
        timeout=30,
        secrets=[secret_of(old), secret_of(new)],
        wall=lambda: 1_800_000_000.7,
    )

    assert await route.hand_over(MESSAGE) is None
    assert await route.hand_over(MESSAGE) is None

    first, again = http_server.received
    assert verified(old, first.headers, first.body)
    assert verified(new, first.headers, first.body)
    assert not verified(other, first.headers, first.body)
    assert not verified(new, first.headers, first.body.replace(b"C1", b"C2"))
    assert not verified(new, {**first.headers, "webhook-timestamp": "1800000001"}, first.body)
    assert first.headers["webhook-timestamp"] == "1800000000"
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == "msg_1"


async def test_without_a_secret_nothing_is_signed(http_server: HttpServer) -> None:
    """A signature by nobody's secret would be worse than none."""
    assert await WebhookRoute(http_server.url, timeout=30).hand_over(MESSAGE) is None
    assert "webhook-signature" not in http_server.received[0].headers


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("horse", "begins with"),
        ("whsec_!", "not base64"),
        ("whsec_aG9yc2U=", "24 to 64 bytes"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str, why: str) -> None:
    """A short one can be guessed, and the reason lands on a screen."""
    with pytest.raises(ValueError, match=why) as refused:
        secret_of(text)
    assert text.removeprefix("whsec_") not in str(refused.value)


async def test_certificates_are_read_once_and_not_for_every_try(
    http_server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than a reaction, and a webhook may fail for hours."""
    read: list[object] = []
    make = ssl.create_default_context

    def counted(*given: Any, **named: Any) -> ssl.SSLContext:
        read.append(threading.current_thread())
        return make(*given, **named)

    monkeypatch.setattr(ssl, "create_default_context", counted)
    http_server.answers = [500, 500, 500]
    for _ in range(3):
        assert await request("GET", http_server.url, 30) == "answered 500"

    assert len(read) <= 1
    assert threading.main_thread() not in read


async def test_certificates_that_cannot_be_read_are_a_reason_and_end_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that the environment names wrongly must not take the tower down with the webhook."""
    routes._authorities.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    why = await request("GET", "http://127.0.0.1:1/", 30)
    routes._authorities.cache_clear()

    assert why == "cannot be reached (FileNotFoundError)"
