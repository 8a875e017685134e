"""Mail, chat and pagers by apprise: told with what a phone shows, and no address is ever said."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import apprise
import msgspec
import pytest
import structlog

from tests.alerts.conftest import HttpServer
from tests.alerts.test_deliver import notice
from watchtower.alerts.apprise_route import AppriseRoute
from watchtower.alerts.message import Message, message_of
from watchtower.alerts.rules import Alarm, Notice, NoticeKind, Severity
from watchtower.logs import configure

PASSWORD = "hunter-of-secrets"


def message(
    severity: Severity = Severity.URGENT, kind: NoticeKind = NoticeKind.RAISED, at: float = 1_000.0
) -> Message:
    """Return what is told of a channel."""
    alarm = Alarm(
        name="close_requested",
        subject="C" * 64,
        severity=severity,
        sentence="The payer asked to close <b>it</b>. Look at $HOME & `channel explain`.",
    )
    return message_of(Notice(kind=kind, alarm=alarm), name="msg_1", at=at)


@dataclass
class MailServer:
    """Takes mail from whoever logs in; ``password`` is what was shown."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak as much of SMTP (RFC 5321) as it takes."""

        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 mail.example ESMTP")
        while line := (await reader.readline()).decode().strip():
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                await say("250-mail.example\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self.logins.append(base64.b64decode(line.split(" ")[2]).decode())
                await say("235 welcome")
            elif word == "DATA":
                await say("354 go ahead")
                raw = await reader.readuntil(b"\r\n.\r\n")
                mail = message_from_bytes(raw.removesuffix(b".\r\n"), policy=policy.default)
                assert isinstance(mail, EmailMessage)
                self.mails.append(mail)
                await say("250 taken")
            elif word == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    """A mail server on a free port."""
    made = MailServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


async def test_a_mail_says_in_its_subject_whether_to_get_up(mail_server: MailServer) -> None:
    """From a real conversation with a mail server: who it is from, and every word as it is."""
    url = (
        f"mailto://tower:{PASSWORD}@127.0.0.1:{mail_server.port}"
        "?smtp=127.0.0.1&mode=insecure&from=tower@example.org&to=ops@example.org&format=text"
    )
    route = AppriseRoute(url, timeout=30, wall=lambda: 1_000.0)

    assert await route.hand_over(message()) is None

    (mail,) = mail_server.mails
    assert mail["Subject"] == "URGENT: close requested (CCCCCCCCCCCCCCCCCCCCCCC…)"
    assert mail["To"] == "ops@example.org"
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().split() == [*message().sentence.split(), message().guide]
    assert [PASSWORD in login for login in mail_server.logins] == [True]


async def test_a_service_is_told_what_sort_of_news_it_is(http_server: HttpServer) -> None:
    """By apprise's own words, by which services choose colours and sounds."""
    url = http_server.url.replace("http://", f"json://tower:{PASSWORD}@")
    route = AppriseRoute(f"{url}/hook", timeout=30, wall=lambda: 1_000.0)
    told = [
        message(Severity.INFO),
        message(Severity.WARNING),
        message(Severity.URGENT),
        message(Severity.URGENT, NoticeKind.RESOLVED),
    ]
    for one in told:
        assert await route.hand_over(one) is None

    bodies = [json.loads(request.body) for request in http_server.received]
    assert [body["type"] for body in bodies] == ["info", "warning", "failure", "success"]
    assert [body["title"].partition(":")[0] for body in bodies] == [
        "INFO",
        "WARNING",
        "URGENT",
        "RESOLVED",
    ]
    assert bodies[0]["message"].partition("\n")[0] == message().sentence
    assert bodies[3]["message"].startswith("This is over: ")


async def test_what_is_told_late_says_how_late(http_server: HttpServer) -> None:
    """Who reads in the morning what could not be told in the night must know."""
    url = http_server.url.replace("http://", "json://")
    route = AppriseRoute(url, timeout=30, wall=lambda: 1_000.0 + 7_200)

    assert await route.hand_over(message()) is None
    (request,) = http_server.received
    assert "could not be told for 120 minutes" in json.loads(request.body)["message"]


@pytest.mark.parametrize("answer", [500, 404, None], ids=["broken", "gone", "out of reach"])
async def test_nothing_secret_is_said_whatever_goes_wrong(
    http_server: HttpServer, answer: int | None
) -> None:
    """Neither by us, nor by apprise or the libraries under it, at any level of theirs."""
    url = http_server.url if answer else "http://127.0.0.1:1"
    http_server.answers = [answer]
    said = io.StringIO()
    configure(level="debug", as_json=True, stream=said)
    for name in ("apprise", "urllib3", "urllib3.connectionpool", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        route = AppriseRoute(
            url.replace("http://", f"json://tower:{PASSWORD}@") + "/T0KEN", timeout=30
        )
        why = await route.hand_over(message())
        logging.getLogger("somebody").warning("the log is heard")
    finally:
        logging.getLogger().setLevel(logging.WARNING)
        structlog.reset_defaults()

    assert why == "was not taken there"
    assert "the log is heard" in said.getvalue()
    for secret in (PASSWORD, "T0KEN"):
        assert secret not in said.getvalue()
        assert secret not in repr((why, route.name, vars(route).keys()))


async def test_an_exception_tells_its_name_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service of apprise's may raise anything, with the address in it; the route goes on."""

    def raising(*_: object, **__: object) -> bool:
        raise RuntimeError(f"no way to {PASSWORD}")

    route = AppriseRoute("json://127.0.0.1:1", timeout=30)
    monkeypatch.setattr(apprise.Apprise, "notify", raising)

    assert await route.hand_over(message()) == "failed (RuntimeError)"
    assert await route.hand_over(message()) == "failed (RuntimeError)"


async def test_a_service_that_hangs_has_one_thread_and_no_more(http_server: HttpServer) -> None:
    """Whoever holds our connections open for hours gets one thread, and the loop goes on."""
    http_server.answers = [None]
    url = http_server.url.replace("http://", "json://")
    route = AppriseRoute(f"{url}?rto=60&cto=60", timeout=0.3)

    first = await route.hand_over(message())
    again = [await route.hand_over(message()) for _ in range(5)]
    mine = [thread for thread in threading.enumerate() if thread.name == route.name]

    assert first == "did not end within 0.3 s"
    assert set(again) == {"the try before this one has not ended"}
    assert len(mine) == 1
    assert mine[0].daemon


@pytest.mark.parametrize("url", [f"nosuch://{PASSWORD}", PASSWORD, "", "mailto://"])
def test_what_apprise_does_not_know_is_refused_and_not_repeated(url: str) -> None:
    """At the start, and not at three in the morning."""
    with pytest.raises(ValueError, match="knows no such address") as refused:
        AppriseRoute(url, timeout=30)
    assert PASSWORD not in str(refused.value)


def test_the_guide_of_an_alarm_is_told_too() -> None:
    """A tap on it leads to what to do."""
    told = message_of(notice("C1"), name="msg_1", at=0.0)
    with_guide = msgspec.structs.replace(told, guide="https://docs.example/alerts.md#x")
    assert with_guide.text(0.0).endswith("\n\nhttps://docs.example/alerts.md#x")
