"""An attacker who reads everything that the tower ever wrote, and the memory of its process.

He has the logs, standard output and error of the daemon and of every command, its files and
sockets' folder, backups, what alarms were told and to whom, and every message at the broker; he
can crash the daemon, make its servers die and keep its store locked, for programs tell most when
something goes wrong. He does not have the files in which secrets are handed over.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.interfaces.mqtt.broker import PASSWORDS, Broker, broker_in
from tests.interfaces.test_http import wire
from tests.interfaces.test_power_cut import until_ready
from tests.softhsm import PIN, TOKEN, SoftHsm, softhsm_in
from tests.tower.conftest import Stage, stage_on
from watchtower.access.token import RANDOM_BYTES, Scope, mint
from watchtower.keys.identity import make_identity
from watchtower.keys.key_file import KEY_FILE, KeyInFile, make_key_file
from watchtower.keys.store_key import slot_by_hsm
from watchtower.keys.vault import Algorithm, Vault
from watchtower.keys.ways import AnyWayIn
from watchtower.store.backups.age import new_identity
from watchtower.store.database import Store
from watchtower.store.header import Cost, Slot
from watchtower.store.tables import FORMAT

PASSPHRASE = "a long-lost umbrella by the northern quay"
XRP = 1_000_000
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
COMMAND = (sys.executable, "-m", "watchtower")


@dataclass
class Victim:
    """A tower in a folder of its own, whose every word is kept in files."""

    home: Path
    handed_over: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Hand over the passphrase in a file."""
        for folder in (self.home, self.handed_over):
            folder.mkdir()
        (self.handed_over / "passphrase").touch(mode=0o600)
        (self.handed_over / "passphrase").write_text(f"{PASSPHRASE}\n")
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")},
            "WATCHTOWER_CONFIG": str(self.home / "watchtower.toml"),
            "WATCHTOWER_PASSPHRASE_FILE": str(self.handed_over / "passphrase"),
            "WATCHTOWER_KEY_FILE": str(self.handed_over / "key"),
            "WATCHTOWER_DEBUG": "1",
        }

    async def make(self, stage: Stage, more: str = "") -> None:
        """Make a configuration, a store and its keys."""
        payee = stage.payee
        _, recipient = new_identity()
        (self.home / "watchtower.toml").write_text(
            f'accounts = ["{payee.address}"]\nservers = ["{stage.sandbox.url}"]\n'
            f"[authority]\nallow_master_key = true\n"
            f'[backup]\nrecipients = ["{recipient}"]\n{more}'
        )
        async with await Store.create(self.store, PASSPHRASE, cost=CHEAP) as store:
            await make_identity(store)
            await Vault(store).import_seed(payee.address, payee.seed, algorithm=Algorithm.SECP256K1)

    async def open_to(self, hsm: SoftHsm) -> str:
        """Let a key file and a token open the store as well; make a token for callers."""
        path, reached = self.handed_over / "key", hsm.hsm()
        make_key_file(path)
        async with await Store.open(self.store, PASSPHRASE) as store:
            slots = await store.slots()
            way = KeyInFile(KEY_FILE, path, place="the file", is_guarded=False)

            async def make(master: bytes) -> list[Slot]:
                by_token = await slot_by_hsm(reached, "store", master, FORMAT)
                return [*slots, await way.make(self.store, master, FORMAT), by_token]

            await store.replace_slots(make)
            scopes = [Scope.SUBMIT, Scope.READ]
            made, text = mint("shop", scopes, random=os.urandom(RANDOM_BYTES), now=time.time())
            async with store.write() as work:
                await work.tokens.add(made)
        await reached.close()
        return text

    @property
    def store(self) -> Path:
        """Where the store is."""
        return self.home / "watchtower.db"

    async def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command, keep what it said, and return what it answered."""
        made = await asyncio.create_subprocess_exec(
            *(*COMMAND, *arguments),
            cwd=self.home,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await made.communicate()
        with (self.home / "commands").open("ab") as said:
            said.write(out + err)
        assert made.returncode == code, err.decode()
        return out.decode()

    def start(self) -> None:
        """Start the daemon, which could leave a core if it wanted to."""
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        with (self.home / "out").open("ab") as out, (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                (*COMMAND, "run"),
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),  # noqa: PLW1509 - nothing else runs in this child
            )

    async def end(self, number: signal.Signals) -> int:
        """End the daemon by a signal, and return how it ended (wait(2))."""
        assert self.process is not None
        self.process.send_signal(number)
        _, status = await asyncio.to_thread(os.waitpid, self.process.pid, 0)
        self.process.returncode = 0
        return status

    async def until_logged(self, event: str) -> None:
        """Wait until the daemon has logged something."""
        async with asyncio.timeout(60):
            while f'"{event}"' not in (self.home / "log").read_text():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)

    def door(self) -> httpx.AsyncClient:
        """Return a client at the daemon's socket."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.home / "door.sock"))
        return httpx.AsyncClient(transport=transport, base_url="http://door", timeout=30)


@asynccontextmanager
async def victim_on(folder: Path) -> AsyncIterator[Victim]:
    """Give a tower; whatever still runs in the end is ended."""
    victim = Victim(folder / "tower", folder / "handed over")
    try:
        yield victim
    finally:
        if victim.process is not None and victim.process.returncode is None:
            victim.process.kill()
            victim.process.wait()


def forms(secret: str | bytes) -> Iterator[bytes]:
    """Give the forms in which a secret could stand somewhere."""
    raw = secret.encode() if isinstance(secret, str) else secret
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield repr(raw)[2:-1].encode()
    yield msgspec.json.encode(raw)[1:-1].rstrip(b"=")


async def secrets_of(victim: Victim, stage: Stage) -> dict[str, str | bytes]:
    """Return everything that nobody may read anywhere."""
    way = AnyWayIn(lambda: PASSPHRASE, None)
    async with await Store.open(victim.store, way) as store:
        async with store.read() as work:
            keys = [key.private_key for key in await work.secrets.load_all()]
        master = store._keys.keyring.master
    return {
        "passphrase": PASSPHRASE,
        "seed": stage.payee.seed,
        "master key": master,
        **{f"key {number}": key for number, key in enumerate(keys)},
    }


@asynccontextmanager
async def everything_told(broker: Broker, into: Path) -> AsyncIterator[None]:
    """Keep every message that the tower sends to the broker."""

    async def read() -> None:
        async with broker.client("reader") as client:
            await client.subscribe("watchtower/#", qos=1)
            async for message in client.messages:
                with into.open("ab") as file:
                    file.write(str(message.topic).encode() + bytes(message.payload) + b"\n")

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def trouble(victim: Victim, stage: Stage, client: httpx.AsyncClient, token: str) -> None:
    """Hand in claims, good and bad; lock the store; change its key; let the server die."""
    channel = await stage.channel()
    shown = {"Authorization": f"Bearer {token}"}
    bad = {"Authorization": f"Bearer {token[:-4]}AAAA"}
    claims = [wire(stage.claim(channel, n * XRP)) for n in range(1, 20)]
    assert (await client.post("/v1/claims", json=claims, headers=shown)).status_code == 200
    assert (await client.post("/v1/claims", json=claims, headers=bad)).status_code == 401
    garbage = {**claims[0], "signature": "00"}
    await client.post("/v1/claims", json=[garbage, {"nonsense": token}], headers=shown)
    await victim.run("vault", "rekey", "--master")
    await victim.run("backup", "create", str(victim.home / "backup.wtb"))
    await stage.close_request(channel)
    await stage.until_paid(channel, 19 * XRP)
    with closing(sqlite3.connect(victim.store)) as locked:
        locked.execute("BEGIN IMMEDIATE")
        more = [wire(stage.claim(channel, n * XRP)) for n in range(20, 25)]
        answer = await client.post("/v1/claims", json=more, headers=shown)
        assert answer.status_code == 503
    wrong = victim.handed_over / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text(f"{PASSPHRASE}!")
    before = dict(victim.environment)
    victim.environment |= {"WATCHTOWER_PASSPHRASE_FILE": str(wrong), "SOFTHSM2_CONF": "/none"}
    del victim.environment["WATCHTOWER_KEY_FILE"]
    await victim.run("key", "list", code=22)
    victim.environment = before


async def test_no_secret_is_in_anything_that_was_written(tmp_path: Path) -> None:
    """Under load and failure, killed and crashed: not in one form, in no file and no message."""
    async with stage_on(tmp_path) as stage, broker_in(tmp_path / "broker") as broker:
        with softhsm_in(tmp_path / "hsm") as hsm:
            async with victim_on(tmp_path) as victim:
                password = broker.settings().password_file
                await victim.make(
                    stage,
                    '[http]\nlisten = "unix:door.sock"\nrequire_token = true\n'
                    f'[mqtt]\nbroker = "mqtt://127.0.0.1:{broker.port}"\nusername = "tower"\n'
                    f'password_file = "{password}"\n'
                    f'[hsm]\nmodule = "{hsm.module}"\ntoken = "{TOKEN}"\n'
                    f'pin_file = "{hsm.pin_file}"\n'
                    '[alerts]\nwebhook = "http://127.0.0.1:1/hook"\n'
                    'command = ["sh", "-c", "env >> alarms; cat >> alarms"]\n',
                )
                token = await victim.open_to(hsm)
                before = await secrets_of(victim, stage)
                async with everything_told(broker, victim.home / "messages"):
                    victim.start()
                    async with victim.door() as client:
                        await until_ready(client, stage.sandbox.accept)
                        await broker.until_here()
                        await trouble(victim, stage, client, token)
                    await stage.sandbox.__aexit__(None, None, None)
                    await victim.until_logged("reconnecting")
                    assert os.WTERMSIG(await victim.end(signal.SIGTERM)) == 0
                    victim.start()
                    await victim.until_logged("no_server_yet")
                    crashed = await victim.end(signal.SIGABRT)
                assert os.WTERMSIG(crashed) == signal.SIGABRT
                assert not os.WCOREDUMP(crashed)
                secrets = {
                    **{f"{name} of before": each for name, each in before.items()},
                    **await secrets_of(victim, stage),
                    "key file": (victim.handed_over / "key").read_text()[17:].strip(),
                    "token": token.rpartition("_")[2],
                    "password at the broker": PASSWORDS["tower"],
                    "PIN": PIN,
                }
        written = {file.name: file.read_bytes() for file in victim.home.iterdir() if file.is_file()}
        assert {"log", "out", "commands", "messages", "alarms", "backup.wtb"} <= written.keys()
        for name, content in written.items():
            assert len(content) > 0 or name in {
                "out",
                "watchtower.db.lock",
                "watchtower.db.backups.lock",
                "watchtower.db-wal",
            }
            for what, secret in secrets.items():
                assert [form for form in forms(secret) if form in content] == [], (name, what)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root reads the memory of another process")
async def test_the_passphrase_does_not_stay_in_the_memory_of_the_daemon(tmp_path: Path) -> None:
    """What opens the store is wiped; what it opens, the master key, is there while it runs."""
    async with stage_on(tmp_path) as stage, victim_on(tmp_path) as victim:
        await victim.make(stage, '[http]\nlisten = "unix:door.sock"\n')
        secrets = await secrets_of(victim, stage)
        victim.start()
        async with victim.door() as client:
            await until_ready(client, stage.sandbox.accept)
        assert victim.process is not None
        memory = b"".join(memory_of(victim.process.pid))
        await victim.end(signal.SIGTERM)
    held = {what for what, each in secrets.items() if next(forms(each)) in memory}
    # The master key shows that the search would find what is there.
    assert "master key" in held
    assert not held & {"passphrase", "seed"}


def memory_of(process: int) -> Iterator[bytes]:
    """Give all memory of a process that can be read."""
    with (
        Path(f"/proc/{process}/maps").open() as maps,
        Path(f"/proc/{process}/mem").open("rb") as mem,
    ):
        for line in maps:
            addresses, mode, *_ = line.split()
            start, end = (int(address, 16) for address in addresses.split("-"))
            if mode.startswith("rw"):
                mem.seek(start)
                with suppress(OSError):
                    yield mem.read(end - start)
