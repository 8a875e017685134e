"""Tokens in the store: each name once, not too many, sealed, and not brought back by a backup."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.make import CHEAP
from tests.store.plain_copy import backup
from watchtower.access.token import RANDOM_BYTES, Scope, Token, mint
from watchtower.errors import TokenExistsError, TokenLimitError, TokenUnknownError
from watchtower.store import tokens as store_tokens
from watchtower.store.database import Store
from watchtower.store.restore import restore

PASSPHRASE = "secret"


def made(name: str, quota: int | None = None) -> Token:
    """A token that is called so."""
    random = name.encode().rjust(RANDOM_BYTES, b"x")
    return mint(name, [Scope.SUBMIT, Scope.READ], random=random, now=7, quota=quota)[0]


async def names_in(store: Store) -> list[str]:
    """The tokens there are."""
    async with store.read() as work:
        return [token.name for token in await work.tokens.load_all()]


async def test_tokens_come_back_as_they_were(tmp_path: Path) -> None:
    """In the order in which they were made, also for the next process."""
    tokens = [made("one"), made("two", quota=600)]
    async with await Store.create(tmp_path / "w.db", PASSPHRASE, cost=CHEAP) as store:
        assert await names_in(store) == []
        for token in tokens:
            async with store.write() as work:
                await work.tokens.add(token)
    async with await Store.open(tmp_path / "w.db", PASSPHRASE) as store, store.read() as work:
        assert await work.tokens.load_all() == tokens


async def test_a_name_is_given_once_and_again_when_it_is_free(tmp_path: Path) -> None:
    """Nobody can tell two tokens of one name apart when one of them is to be revoked."""
    async with await Store.create(tmp_path / "w.db", PASSPHRASE, cost=CHEAP) as store:
        async with store.write() as work:
            await work.tokens.add(made("one"))
        with pytest.raises(TokenExistsError, match="revoke one"):
            async with store.write() as work:
                await work.tokens.add(made("one", quota=1))
        async with store.write() as work:
            assert await work.tokens.revoke("one") == made("one")
            await work.tokens.add(made("one", quota=1))
        with pytest.raises(TokenUnknownError, match="token list"):
            async with store.write() as work:
                await work.tokens.revoke("two")
        assert await names_in(store) == ["one"]


async def test_there_is_an_end_to_how_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are in the daemon's memory."""
    monkeypatch.setattr(store_tokens, "MOST_TOKENS", 3)
    async with await Store.create(tmp_path / "w.db", PASSPHRASE, cost=CHEAP) as store:
        for name in ("a", "b", "c"):
            async with store.write() as work:
                await work.tokens.add(made(name))
        with pytest.raises(TokenLimitError):
            async with store.write() as work:
                await work.tokens.add(made("d"))
        assert await names_in(store) == ["a", "b", "c"]


async def test_a_backup_brings_no_revoked_token_back(tmp_path: Path) -> None:
    """Merging leaves the tokens of the store as they are; only where none was they come along."""
    async with await Store.create(tmp_path / "w.db", PASSPHRASE, cost=CHEAP) as store:
        async with store.write() as work:
            await work.tokens.add(made("stolen"))
        await backup(store, tmp_path / "backup.db")
        async with store.write() as work:
            await work.tokens.revoke("stolen")
    await restore(tmp_path / "backup.db", tmp_path / "w.db", PASSPHRASE)
    await restore(tmp_path / "backup.db", tmp_path / "new.db", PASSPHRASE)
    async with await Store.open(tmp_path / "w.db", PASSPHRASE) as store:
        assert await names_in(store) == []
    async with await Store.open(tmp_path / "new.db", PASSPHRASE) as store:
        assert await names_in(store) == ["stolen"]
