"""A responder in ledger 100, for every test of this room that wants one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.response.stage import OTHER, PAYEE, Servers, Stage, responder_of
from tests.store.make import CHEAP
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.keys.vault import Vault
from watchtower.response.submit import Submitter
from watchtower.store.database import Store


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A responder in ledger 100 for two payees, with the key of the first."""
    accounts = [PAYEE.address, OTHER.address]
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as store:
        await Vault(store).import_seed(PAYEE.address, PAYEE.seed)
        servers = Servers(store)
        watch = Watch(accounts, Policy())
        submitter = Submitter(servers)
        responder = responder_of(watch, store, servers, submitter)
        made = Stage(store, servers, watch, responder, submitter)
        made.ledger(100)
        task = asyncio.create_task(submitter.run())
        yield made
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
