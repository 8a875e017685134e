"""A tower that is well, over two servers of a real ledger in a box; and the doctor beside it."""

from __future__ import annotations

import asyncio
import io
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.keys.conftest import softhsm
from watchtower.cli import main
from watchtower.doctor.chart import Patient
from watchtower.doctor.examine import examine
from watchtower.doctor.finding import Finding, Level
from watchtower.errors import PassphraseMissingError
from watchtower.keys.key_file import key_credential, key_file
from watchtower.keys.vault import Vault
from watchtower.keys.ways import AnyWayIn
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.server import Sandbox
from watchtower.settings import load
from watchtower.store.database import Store
from watchtower.store.header import Cost

__all__ = ["softhsm"]

PASSPHRASE = "correct horse"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
PAYEE = Person.named("a payee of the doctor's")
KEY = Person.named("a regular key of the doctor's")
OTHER = Person.named("another key of the doctor's")
RULES = Rules(amendments=DEFAULT_AMENDMENTS | {"PermissionDelegationV1_1"})
TOWER = Person.named("a tower's own account")


@dataclass
class Practice:
    """A tower's folder, its servers, and what the doctor says of them."""

    folder: Path
    servers: list[Sandbox]
    hand: Hand
    more: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """Where the configuration is."""
        return self.folder / "watchtower.toml"

    @property
    def store(self) -> Path:
        """Where the store is."""
        return self.folder / "watchtower.db"

    def configure(self, more: str = "", *, accounts: str | None = None) -> None:
        """Write the configuration, with ``more`` sections."""
        urls = ", ".join(f'"{server.url}"' for server in self.servers)
        named = accounts or f'["{PAYEE.address}"]'
        self.config.write_text(f"accounts = {named}\nservers = [{urls}]\n{more}")
        self.config.chmod(0o600)

    async def look(self, passphrase: str | None = PASSPHRASE, **more: Any) -> list[Finding]:
        """Return what the doctor finds."""
        files = [key_credential(self.environment), key_file("", self.environment)]

        def word() -> str:
            if passphrase is None:
                raise PassphraseMissingError
            return passphrase

        patient = Patient(
            config=self.config,
            loaded=load(self.config, {}),
            environment=self.environment,
            ways=AnyWayIn(word, more.get("hsm"), files),
            **{"within": 4.0, **more},
        )
        return await examine(patient)

    async def mend(self, command: str, *, stdin: str = "") -> None:
        """Do what a finding says, word by word, as a person would at a shell."""
        for step in command.split(" && "):
            words = shlex.split(step)
            if words[0] == "watchtower":
                code = await asyncio.to_thread(self._run, words[1:], stdin)
                assert code == 0, step
            else:
                await asyncio.to_thread(subprocess.run, words, check=True)

    def _run(self, words: list[str], stdin: str) -> int:
        before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin.encode()))
        try:
            main(words)
        except SystemExit as ended:
            return int(ended.code or 0)
        finally:
            sys.stdin = before
        return 0


def of(findings: list[Finding], check: str, subject: str | None = None) -> list[Finding]:
    """Return what one check found."""
    return [one for one in findings if one.check == check and subject in {None, one.subject}]


def one_of(findings: list[Finding], check: str, subject: str | None = None) -> Finding:
    """Return the one finding of a check."""
    (found,) = of(findings, check, subject)
    return found


def levels(findings: list[Finding], check: str, subject: str | None = None) -> list[Level]:
    """Return the levels that one check found."""
    return [one.level for one in of(findings, check, subject)]


def regular_key(person: Person) -> Mapping[str, Any]:
    """Return the transaction that names a regular key."""
    return {"TransactionType": "SetRegularKey", "RegularKey": person.address}


@pytest.fixture
async def practice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Practice]:
    """A tower that is well, but for what every tower may leave out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHTOWER_CONFIG", str(tmp_path / "watchtower.toml"))
    monkeypatch.setenv("WATCHTOWER_PASSPHRASE", PASSPHRASE)
    for name in ("WATCHTOWER_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY", "WATCHTOWER_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Sandbox(rules=RULES))
        second = await stack.enter_async_context(Sandbox(beside=first))
        hand = await stack.enter_async_context(Hand(first.url, accepts=True))
        await hand.fund(PAYEE)
        await hand.settle(regular_key(KEY), PAYEE)
        made = Practice(tmp_path, [first, second], hand)
        made.configure()
        async with await Store.create(made.store, PASSPHRASE, cost=CHEAP) as store:
            await Vault(store).import_seed(PAYEE.address, KEY.seed, regular_key=True)
            await store.pin_network(0)
        yield made
