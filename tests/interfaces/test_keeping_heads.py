"""A tower that keeps heads for others: by whom they are exchanged, and what is taken for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.interfaces.test_access import bearer, token
from tests.interfaces.test_http import client_of
from tests.store.heads import STORE, head_of
from tests.tower.conftest import Stage, stage_on
from watchtower.access.token import Scope
from watchtower.settings import HttpSettings
from watchtower.store.head import MOST_BYTES, Head

PATH = f"/v1/heads/{STORE.hex()}"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket, and wants no tokens for anything else."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


@asynccontextmanager
async def keeping(stage: Stage) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """A tower that runs, and the headers of who may have heads kept there."""
    shown = bearer(await token(stage, "a tower", [Scope.HEADS]))
    async with stage.tower(), client_of(stage) as client:
        yield client, {**shown, "content-type": "application/json"}


async def put(
    client: httpx.AsyncClient, headers: dict[str, str], head: Head, path: str = PATH
) -> tuple[int, str]:
    """Have a head kept; return the status, and the word of the problem if it is one."""
    told = await client.put(path, content=head.encoded(), headers=headers)
    return told.status_code, told.json()["type"] if told.content else ""


async def test_a_head_is_kept_and_given_back_to_the_byte(stage: Stage) -> None:
    """The newest; and once the tower has started anew, too."""
    async with keeping(stage) as (client, headers):
        told = await client.get(PATH, headers=headers)
        assert (told.status_code, told.json()["type"]) == (404, "unknown_head")
        for number in (3, 5):
            assert await put(client, headers, head_of(number)) == (204, "")
    async with stage.tower(), client_of(stage) as client:
        told = await client.get(PATH, headers=headers)
    assert told.status_code == 200
    assert Head.read(told.content) == head_of(5)


async def test_a_stranger_neither_reads_nor_exchanges_the_head_of_another(stage: Stage) -> None:
    """Without a token nobody is let in, though everything else is open; with one, to their own."""
    stranger = bearer(await token(stage, "a stranger", [Scope.HEADS]))
    platform = bearer(await token(stage, "a platform", [Scope.SUBMIT, Scope.READ]))
    async with keeping(stage) as (client, headers):
        assert await put(client, headers, head_of(5)) == (204, "")
        as_json = {"content-type": "application/json"}
        assert await put(client, as_json, head_of(9)) == (401, "token_missing")
        assert (await client.get(PATH)).status_code == 401
        assert await put(client, {**as_json, **platform}, head_of(9)) == (403, "scope_missing")
        assert (await client.get(PATH, headers=stranger)).json()["type"] == "unknown_head"
        assert await put(client, {**as_json, **stranger}, head_of(9, tower=2)) == (204, "")
        told = await client.get(PATH, headers=headers)
        assert Head.read(told.content) == head_of(5)


async def test_what_speaks_against_the_head_that_is_kept_is_refused_in_a_sentence(
    stage: Stage,
) -> None:
    """It stays; the sentence says who can change that."""
    async with keeping(stage) as (client, headers):
        assert await put(client, headers, head_of(5)) == (204, "")
        told = await client.put(PATH, content=head_of(4).encoded(), headers=headers)
        assert (told.status_code, told.json()["type"]) == (409, "head_older")
        assert told.headers["content-type"] == "application/problem+json"
        assert "have the token revoked here" in told.json()["detail"]
        assert await put(client, headers, head_of(6, tower=2)) == (409, "head_of_another")
        for number in range(3):
            store = bytes([number]) * 16
            path = f"/v1/heads/{store.hex()}"
            assert await put(client, headers, head_of(1, store=store), path) == (204, "")
        path = f"/v1/heads/{(b'm' * 16).hex()}"
        full = await put(client, headers, head_of(1, store=b"m" * 16), path)
        assert full == (409, "too_many_heads")
        assert Head.read((await client.get(PATH, headers=headers)).content) == head_of(5)


def _changed(**changes: Any) -> bytes:
    told = msgspec.to_builtins(head_of(5).message())
    return msgspec.json.encode({**told, **changes})


NO_HEADS: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no object": (b"[]", 400),
    "nested without end": (b"[" * 10_000, 400),
    "more than a head": (_changed(more=1), 400),
    "a number as text": (_changed(version="5"), 400),
    "another number": (_changed(version=6), 400),
    "another tower": (_changed(tower=head_of(5, tower=2).tower), 400),
    "another store": (head_of(5, store=b"x" * 16).encoded(), 400),
    "peaks without end": (_changed(peaks=["00" * 32] * 100), 400),
    "too large": (_changed(peaks=["00" * 32] * 1_000), 413),
    "a head with room behind it": (head_of(5).encoded() + b" " * MOST_BYTES, 413),
}


async def test_what_is_no_signed_head_of_the_store_is_refused(stage: Stage) -> None:
    """Before anything is looked up, and without a word in the log that means a mistake of ours."""
    async with keeping(stage) as (client, headers):
        for name, (body, status) in NO_HEADS.items():
            told = await client.put(PATH, content=body, headers=headers)
            assert told.status_code == status, name
            assert told.headers["content-type"] == "application/problem+json"

            async def in_pieces(body: bytes = body) -> AsyncIterator[bytes]:
                yield body

            told = await client.put(PATH, content=in_pieces(), headers=headers)
            assert told.status_code == status, name
        told = await client.put(PATH, content=head_of(5).encoded(), headers=bearer("x"))
        assert told.status_code == 401
        plain = {**headers, "content-type": "text/plain"}
        assert await put(client, plain, head_of(5)) == (415, "unsupported_media_type")
        assert await put(client, headers, head_of(5), PATH.upper()) == (404, "not_found")
        assert (await client.get(PATH, headers=headers)).status_code == 404
