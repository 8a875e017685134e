"""Schemathesis asks whatever the served OpenAPI document allows, and much that it does not."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.interfaces.test_access import token
from tests.tower.conftest import Stage, stage_on
from watchtower.access.token import Scope
from watchtower.settings import HttpSettings

_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method"
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a port, and wants tokens."""
    async with stage_on(tmp_path) as made:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        made.with_settings(http=HttpSettings(listen=f"127.0.0.1:{port}", require_token=True))
        yield made


@asynccontextmanager
async def ledgers_going_on(stage: Stage) -> AsyncIterator[None]:
    """However long it takes: without ledgers the daemon would rightly not be ready any more."""

    async def go_on() -> None:
        while True:
            await stage.sandbox.accept()
            await asyncio.sleep(1)

    going_on = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going_on.cancel()


async def test_nothing_that_is_asked_breaks_what_the_document_promises(stage: Stage) -> None:
    """No answer but those that are documented, in the form in which they are documented."""
    address = f"http://{stage.settings.http.listen}"
    await stage.channel()
    shown = await token(stage, "schemathesis", [Scope.ADMIN])
    async with stage.tower(), ledgers_going_on(stage):
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/schema/openapi.json"),
            *("--wait-for-schema", "20", "--checks", _CHECKS, "--max-examples", "30"),
            *("--header", f"authorization: Bearer {shown}"),
            *("--seed", "1", "--generation-database", "none", "--phases", "coverage,fuzzing"),
            cwd=Path(stage.settings.store).parent,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await run.communicate()
    assert run.returncode == 0, told.decode()
