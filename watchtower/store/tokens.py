"""The tokens by which people come in, all of them in one note: there are few, read together.

A restore that merges leaves them as they are: a token that was revoked since the backup was made
does not come back. Every change leaves a line in the journal, by which a daemon notices it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from watchtower.access.token import Token
from watchtower.errors import TokenExistsError, TokenLimitError, TokenUnknownError
from watchtower.store.journal import Journal
from watchtower.store.notes import Notes, note_of_heads

__all__ = ["MOST_TOKENS", "TOKEN_ADDED", "TOKEN_REVOKED", "Tokens"]

TOKEN_ADDED: Final = "token_added"  # noqa: S105 - a kind of line in the journal
TOKEN_REVOKED: Final = "token_revoked"  # noqa: S105 - the same

MOST_TOKENS: Final = 256

_NOTE: Final = "tokens"


class Tokens:
    """The tokens, in one transaction."""

    def __init__(self, notes: Notes, journal: Journal) -> None:
        """Look at the tokens through a transaction's own notes and journal."""
        self._notes = notes
        self._journal = journal

    async def load_all(self) -> list[Token]:
        """Return every token, in the order in which they were made."""
        return msgspec.convert(await self._notes.get(_NOTE) or [], list[Token])

    async def add(self, token: Token) -> None:
        """Keep a new token.

        Raises:
            TokenExistsError: there is one of that name.
            TokenLimitError: there are too many.
        """
        tokens = await self.load_all()
        if any(token.name == known.name for known in tokens):
            raise TokenExistsError(name=token.name)
        if len(tokens) >= MOST_TOKENS:
            raise TokenLimitError(most=MOST_TOKENS)
        await self._put([*tokens, token])
        facts = {
            **_names(token),
            "scopes": list(token.scopes),
            "quota": token.quota,
            "expires": token.expires,
        }
        await self._journal.append(TOKEN_ADDED, facts=facts)

    async def revoke(self, name: str) -> Token:
        """Forget the token called ``name``, and the heads that are kept for it; return it.

        Raises:
            TokenUnknownError: there is none.
        """
        tokens = await self.load_all()
        found = next((token for token in tokens if token.name == name), None)
        if found is None:
            raise TokenUnknownError(name=name)
        await self._put([token for token in tokens if token is not found])
        await self._notes.drop(note_of_heads(found.identity))
        await self._journal.append(TOKEN_REVOKED, facts=_names(found))
        return found

    async def _put(self, tokens: list[Token]) -> None:
        await self._notes.put(_NOTE, msgspec.to_builtins(tokens))


def _names(token: Token) -> dict[str, Any]:
    return {"name": token.name, "identity": token.identity}
