"""A hardware security module: keys that sign without ever being here.

What it guarantees: a signature that is handed out is one that the ledger takes, and of the very
key that was asked for. What a token gives is made canonical first (strict DER, low S: a token
knows nothing of either) and verified by another library than its own. A token that hangs, lies or
is gone costs a bounded time and an `HsmError`, after which it is asked again.

Calls block, so they run on a thread of their own, the same for all tokens of this process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from watchtower.errors import HsmFailedError
from watchtower.judgement.signature import canonical
from watchtower.keys import cryptoki_keys
from watchtower.keys.cryptoki import Cryptoki, Opened
from watchtower.keys.hsm_values import HsmKeyCard, Sealed
from watchtower.keys.own_thread import OwnThread
from watchtower.keys.vault import Algorithm

__all__ = ["Hsm", "HsmKey"]

Result = TypeVar("Result")

_PROBE: Final = b"xrpl-watchtower: this is no transaction"
"""What is signed to see that signing works; no transaction begins like that (HashPrefix.h)."""

_THREAD: Final = OwnThread("pkcs11")


class HsmKey:
    """A key in a token, by its label, of which the public half is known."""

    def __init__(self, hsm: Hsm, card: HsmKeyCard) -> None:
        """Sign by ``hsm``."""
        self.card = card
        self._hsm = hsm

    @property
    def public_key(self) -> str:
        """Its public half, in upper-case hex."""
        return self.card.public_key

    async def sign(self, message: bytes) -> bytes:
        """Return the token's signature of ``message``, canonical and verified.

        Raises:
            HsmError: there is none now.
        """
        return await self._hsm.sign(self.card, message)

    async def prove(self) -> None:
        """See that the token signs with this key now.

        Raises:
            HsmError: it does not.
        """
        await self.sign(_PROBE)


class Hsm:
    """One token, reached when it is needed."""

    def __init__(
        self,
        module: str,
        token: str,
        pin: Callable[[], str],
        *,
        within: float = 10.0,
        last_try: bool = False,
    ) -> None:
        """Ask nothing yet; see `Cryptoki`. Each call may take ``within`` seconds."""
        self.token = token
        self._within = within
        self._cryptoki = Cryptoki(module, token, pin, last_try=last_try)
        self._handles: tuple[Opened, dict[str, tuple[Any, HsmKeyCard]]] | None = None

    async def keys(self) -> list[HsmKeyCard]:
        """Return what may be told of every key that can be an account's.

        Raises:
            HsmError: the token does not tell.
        """
        return await self._call("list its keys", cryptoki_keys.all_keys)

    async def key(self, label: str) -> HsmKey:
        """Return the key called ``label``.

        Raises:
            HsmKeyMissingError: there is none that can be used.
            HsmError: the token does not tell.
        """
        found = await self._call("find a key", lambda o: cryptoki_keys.find_key(o, label))
        return HsmKey(self, found[1])

    async def make_key(self, label: str, algorithm: Algorithm) -> HsmKey:
        """Make a key that never leaves the token.

        Raises:
            HsmKeyExistsError: there is one of that label.
            HsmError: it was not made.
        """
        card = await self._call("make a key", lambda o: cryptoki_keys.make_key(o, label, algorithm))
        return HsmKey(self, card)

    async def sign(self, card: HsmKeyCard, message: bytes) -> bytes:
        """Return a signature of ``message`` that verifies with the card's public key.

        Raises:
            HsmError: there is none now.
        """
        raw = await self._call("sign", lambda opened: self._sign(opened, card, message))
        good = canonical(bytes.fromhex(card.public_key), message, raw)
        if good is None:
            self._handles = None
            why = f"its signature is not the key {card.label}'s, whose public half is known here"
            raise HsmFailedError(token=self.token, what="sign", why=why)
        return good.signature

    async def seal(self, label: str, secret: bytes) -> Sealed:
        """Seal ``secret`` under the token's AES key of that label, made if it is not there.

        Raises:
            HsmError: it was not sealed.
        """
        return await self._call("wrap a key", lambda o: cryptoki_keys.seal(o, label, secret))

    async def open_sealed(self, label: str, sealed: Sealed) -> bytes:
        """Return what `seal` sealed; a mechanism that does not authenticate may return anything.

        Raises:
            HsmError: the token does not open it.
        """
        return await self._call(
            "unwrap a key", lambda o: cryptoki_keys.open_sealed(o, label, sealed)
        )

    async def close(self) -> None:
        """Let go of the token. What is asked afterwards opens it anew.

        One that hangs is left as it is.
        """
        self._handles = None
        try:
            await _THREAD.call(self._cryptoki.close, self._within)
        except TimeoutError:
            return

    def _sign(self, opened: Opened, card: HsmKeyCard, message: bytes) -> bytes:
        # Handles are good for one session, and finding a key takes longer than signing.
        if self._handles is None or self._handles[0] is not opened:
            self._handles = opened, {}
        known = self._handles[1].get(card.label)
        if known is None or known[1] != card:
            known = self._handles[1][card.label] = cryptoki_keys.find_key(opened, card.label)
        return cryptoki_keys.sign(opened, known[0], card, message)

    async def _call(self, what: str, action: Callable[[Opened], Result]) -> Result:
        try:
            return await _THREAD.call(lambda: self._cryptoki.perform(what, action), self._within)
        except TimeoutError:
            why = f"no answer came within {self._within:g} s"
            raise HsmFailedError(token=self.token, what=what, why=why) from None
