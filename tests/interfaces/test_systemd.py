"""What systemd is told, over its real socket protocol, and that the unit says what we need."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from watchtower.interfaces.systemd import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Listen as systemd does, and return what it would put into NOTIFY_SOCKET."""
    name = str(tmp_path / "notify")
    address = name
    if request.param == "abstract":
        name = f"@watchtower-{secrets.token_hex(8)}"
        address = f"\0{name[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.settimeout(30)
        yield name, listening


def test_the_life_of_a_service_is_told(manager: tuple[str, socket.socket]) -> None:
    """Ready with a status, a new status, alive, stopping: one datagram each."""
    name, listening = manager
    service = ServiceManager({"NOTIFY_SOCKET": name})

    service.ready("guarding 3 channels")
    service.status("guarding 4 channels")
    service.alive()
    service.stopping()

    assert [listening.recv(4096) for _ in range(4)] == [
        b"READY=1\nSTATUS=guarding 3 channels",
        b"STATUS=guarding 4 channels",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_a_status_cannot_smuggle_in_another_message(tmp_path: Path) -> None:
    """A server's words may end up in the status; a line of them must not stop the service."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "n"))
        listening.settimeout(30)
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "n")}).status("one\nSTOPPING=1\rtwo")

        assert listening.recv(4096) == b"STATUS=one STOPPING=1 two"


@pytest.mark.parametrize("name", ["", "relative/path"])
def test_without_a_service_manager_nothing_is_told(name: str) -> None:
    """Started by hand, the same code runs and says nothing."""
    environment = {"NOTIFY_SOCKET": name} if name else {}
    service = ServiceManager({**environment, "WATCHDOG_USEC": "1000000"})
    with structlog.testing.capture_logs() as logs:
        service.ready("up")

    assert logs == []
    assert service.feed_every is None


def test_a_service_manager_that_is_gone_does_not_stop_us(tmp_path: Path) -> None:
    """A socket nobody listens on is a warning."""
    with structlog.testing.capture_logs() as logs:
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "none")}).ready("up")

    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("service_manager_not_told", "warning")
    ]


def test_a_service_manager_that_does_not_read_does_not_block_us(tmp_path: Path) -> None:
    """Its queue fills up; we go on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "n"))
        service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "n")})
        with structlog.testing.capture_logs() as logs:
            for _ in range(10_000):
                service.alive()

    assert logs


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_it_is_meant_for_us(
    environment: dict[str, str], seconds: float | None
) -> None:
    """Fed twice in its time; one of our parent's is not fed by us, and nonsense is no watchdog."""
    service = ServiceManager({"NOTIFY_SOCKET": "/run/n", **environment})

    assert service.feed_every == seconds


async def test_the_watchdog_is_fed_only_while_we_are_alive(tmp_path: Path) -> None:
    """When the tower says that it hangs, feeding stops, and systemd starts it anew."""
    answers = iter([True, False, True])
    asked = asyncio.Event()

    def is_alive() -> bool:
        answer = next(answers, None)
        if answer is None:
            asked.set()
        return bool(answer)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "n"))
        service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "2000"})
        feeding = asyncio.create_task(service.feed(is_alive))
        await asyncio.wait_for(asked.wait(), 30)
        feeding.cancel()

        listening.setblocking(False)  # noqa: FBT003 - the socket's own signature
        assert [listening.recv(4096) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        with pytest.raises(BlockingIOError):
            listening.recv(4096)


async def test_nobody_is_fed_who_does_not_expect_it() -> None:
    """Without a watchdog, feeding is over before it begins."""
    await asyncio.wait_for(ServiceManager({}).feed(lambda: True), 30)
