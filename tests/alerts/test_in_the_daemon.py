"""The webhook and the heartbeat as the daemon runs them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from tests.alerts.conftest import HttpServer
from tests.store.make import CHEAP, PASSPHRASE
from watchtower.daemon import run
from watchtower.keys.vault import Vault
from watchtower.sandbox.people import RICH
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import AlertSettings, AuthoritySettings, Settings
from watchtower.store.database import Store


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
