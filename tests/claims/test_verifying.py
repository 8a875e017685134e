"""Signatures verified beside the event loop, whoever does it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claims.test_group import CHANNELS, KEYS, signed
from watchtower.claims.verifying import Verifier
from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    """Two processes, once they are of use."""
    made = Verifier(2)
    yield made
    made.close()


def all_kinds() -> list[Claim]:
    """Good and bad ones, of both kinds of keys, and one whose signature can be put right."""
    ed = Person.named("payer", ed25519=True)
    good = [signed(CHANNELS[0], drops, KEYS[0]) for drops in range(1, 60)]
    bad = [signed(CHANNELS[1], drops, KEYS[1], good=False) for drops in range(1, 10)]
    of_ed = [
        Claim(
            channel=CHANNELS[2],
            amount=Drops(drops),
            public_key=ed.public_key,
            signature=ed.sign_claim(CHANNELS[2], Drops(drops)),
        )
        for drops in range(1, 10)
    ]
    lower = Claim(
        channel=ChannelId(CHANNELS[0]),
        amount=good[0].amount,
        public_key=good[0].public_key.lower(),
        signature=good[0].signature.lower(),
    )
    padded = Claim(
        channel=good[1].channel,
        amount=good[1].amount,
        public_key=good[1].public_key,
        signature=good[1].signature + "00",
    )
    no_key = Claim(channel=CHANNELS[0], amount=Drops(1), public_key="05" * 33, signature="30")
    nothing = Claim(channel=CHANNELS[0], amount=Drops(0), public_key="02" * 33, signature="30")
    return [*good, *bad, *of_ed, lower, padded, no_key, nothing]


async def until_processes_work(verifier: Verifier, claims: list[Claim]) -> set[int]:
    """Verify until it is done by processes, and return these."""
    for _ in range(400):
        await verifier.verify(claims)
        if verifier.has_processes:
            return _children()
        await asyncio.sleep(0.05)
    pytest.fail("no processes were ever at work")


def _children() -> set[int]:
    """The processes that verify; Python has another one that looks after semaphores."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return {
        int(word) for word in found if b"spawn_main" in Path(f"/proc/{word}/cmdline").read_bytes()
    }


async def test_processes_find_what_the_thread_finds(verifier: Verifier) -> None:
    """The same answers, whoever looks; those that need putting right are."""
    claims = all_kinds()
    expected = {claim: verify(claim) for claim in claims}
    assert await verifier.verify(claims) == expected
    await until_processes_work(verifier, claims)
    assert await verifier.verify(claims) == expected
    assert {type(found) for found in expected.values()} > {Refused}
    assert any(getattr(found, "rescued", False) for found in expected.values())


async def test_processes_that_are_killed_are_missed_by_nobody(verifier: Verifier) -> None:
    """The kernel kills what takes memory; claims are verified all the same, and soon fast again."""
    claims = all_kinds()
    expected = {claim: verify(claim) for claim in claims}
    for child in await until_processes_work(verifier, claims):
        os.kill(child, signal.SIGKILL)
    assert await verifier.verify(claims) == expected
    await until_processes_work(verifier, claims)
    assert await verifier.verify(claims) == expected


async def test_a_single_claim_starts_no_process(verifier: Verifier) -> None:
    """Whoever gets one claim a minute pays for none."""
    before = _children()
    await verifier.verify(all_kinds()[:5])
    assert _children() == before


def test_processes_do_not_outlive_a_daemon_that_is_killed(tmp_path: Path) -> None:
    """They would hold its memory, and nobody would look for them."""
    script = tmp_path / "daemon.py"
    script.write_text(
        "import asyncio, os, sys\n"
        "from tests.claims.test_verifying import all_kinds, until_processes_work\n"
        "from watchtower.claims.verifying import Verifier\n"
        "async def main():\n"
        "    children = await until_processes_work(Verifier(2), all_kinds())\n"
        "    print(*children, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as daemon:
        assert daemon.stdout is not None
        children = [int(word) for word in daemon.stdout.readline().split()]
        daemon.kill()
    assert children
    for _ in range(200):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            return
        time.sleep(0.05)
    pytest.fail("they live on")
