"""The webhook and the heartbeat as the daemon runs them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.alerts.conftest import HttpServer
from tests.store.make import CHEAP, PASSPHRASE
from watchtower.daemon import run
from watchtower.keys.vault import Vault
from watchtower.machine import Machine
from watchtower.sandbox.people import RICH
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import AlertSettings, AuthoritySettings, Settings, load
from watchtower.store.database import Store
from watchtower.tower.tending import Rhythm


async def test_the_daemon_posts_alarms_and_feeds_the_heartbeat(
    http_server: HttpServer, tmp_path: Path
) -> None:
    """With one server an alarm is posted at once, and ledgers that advance are felt outside."""
    path = tmp_path / "watchtower.db"
    async with await Store.create(path, PASSPHRASE, cost=CHEAP) as store:
        await Vault(store).import_seed(RICH.address, RICH.seed)
    alerts = AlertSettings(
        webhook=f"{http_server.url}/hook",
        heartbeat_url=f"{http_server.url}/heart",
        heartbeat_seconds=0.01,
    )
    async with Sandbox(clock=Clock.FAST) as box:
        settings = Settings(
            accounts=(RICH.address,),
            servers=(box.url,),
            store=str(path),
            alerts=alerts,
            authority=AuthoritySettings(allow_master_key=True),
        )
        daemon = asyncio.create_task(run(settings, PASSPHRASE, {}))
        async with asyncio.timeout(60), http_server.arrived:
            await http_server.arrived.wait_for(
                lambda: (
                    [r.path for r in http_server.received].count("/heart") >= 3
                    and "/hook" in [r.path for r in http_server.received]
                )
            )
        daemon.cancel()
        with suppress(asyncio.CancelledError):
            await daemon

    posted = [json.loads(r.body) for r in http_server.received if r.path == "/hook"]
    assert [(told["kind"], told["name"]) for told in posted] == [("raised", "single_server")]


async def test_where_alarms_go_and_the_quiet_hours_follow_a_reload(
    http_server: HttpServer, tmp_path: Path
) -> None:
    """What was held back is told where people are told by then; a file that is named counts too."""
    path, asked = tmp_path / "watchtower.db", asyncio.Event()
    async with await Store.create(path, PASSPHRASE, cost=CHEAP) as store:
        await Vault(store).import_seed(RICH.address, RICH.seed)
    file, secret = tmp_path / "watchtower.toml", tmp_path / "heart"
    secret.touch(mode=0o600)

    def arrived(*paths: str) -> bool:
        return {*paths} <= {request.path for request in http_server.received}

    def write(url: str, heart: str, quiet: str, where: str) -> None:
        secret.write_text(http_server.url + heart, encoding="utf-8")
        file.write_text(
            f'accounts = ["{RICH.address}"]\nservers = ["{url}"]\nstore = "{path}"\n'
            "[authority]\nallow_master_key = true\n[space]\nreserve_bytes = 65536\n"
            f'[alerts]\nwebhook = "{http_server.url}{where}"\nquiet_hours = "{quiet}"\n'
            'timezone = "UTC"\nheartbeat_url_file = "heart"\nheartbeat_seconds = 0.01\n',
            encoding="utf-8",
        )

    @contextmanager
    def reloading() -> Iterator[asyncio.Event]:
        yield asked

    now, hour = datetime.now(UTC), timedelta(hours=1)
    quiet = f"{now - hour:%H:%M}-{now + hour:%H:%M}"
    environment = {"WATCHTOWER_CONFIG": str(file)}
    machine = Machine(reloading=reloading, rhythm=Rhythm(rounds=0.05))
    async with Sandbox(clock=Clock.FAST) as box:
        write(box.url, "/heart", quiet, "/night")
        settings = load(file, environment)
        daemon = asyncio.create_task(run(settings, PASSPHRASE, environment, machine=machine))
        async with asyncio.timeout(60), http_server.arrived:
            await http_server.arrived.wait_for(lambda: arrived("/heart"))
            # The settings differ in nothing but what the file says that they name.
            write(box.url, "/pulse", quiet, "/night")
            asked.set()
            await http_server.arrived.wait_for(lambda: arrived("/pulse"))
            write(box.url, "/pulse", "", "/day")
            asked.set()
            await http_server.arrived.wait_for(lambda: arrived("/day"))
        daemon.cancel()
        with suppress(asyncio.CancelledError):
            await daemon

    assert not arrived("/night"), "it was quiet until the reload"
    (posted,) = [json.loads(r.body) for r in http_server.received if r.path == "/day"]
    assert (posted["kind"], posted["name"]) == ("raised", "single_server")
