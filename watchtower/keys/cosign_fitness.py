"""Whose signatures the ledger does not take: heard from servers, remembered, and looked into.

What it guarantees: whoever signed what every server refuses for its signers is put aside, also
after a restart, and others are tried; it ends when the signer list, a key, or the root of one of
their accounts changes. Nobody waits for that: what is heard is written down, and accounts are read,
beside the signing. A store that cannot be written costs the memory of it at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any, Final

import msgspec
import structlog

from watchtower.errors import LedgerError, StoreError
from watchtower.keys.authority import Right
from watchtower.keys.cosign_refused import NOTHING_REFUSED, Refused, is_of_signers
from watchtower.keys.cosign_surroundings import Care
from watchtower.keys.multisign import quorum_of, signers_in
from watchtower.ledger.events import AccountEntry, SignerList
from watchtower.response.attempt import Attempt
from watchtower.store.database import Store
from watchtower.units import Address, LedgerIndex, TxHash

__all__ = ["Fitness", "Refusal"]

_log = structlog.get_logger(__name__)

Refusal = tuple[Attempt, str]
"""An attempt on its way that every server refuses for who signed it, and what they say of it."""

_LOOK_EVERY: Final = 16
"""Ledgers between two looks at the accounts of those who are put aside: some minute."""


def _nothing() -> Iterable[Refusal]:
    return ()


class Fitness:
    """What is known of the signers of all accounts."""

    def __init__(
        self,
        *,
        store: Store,
        care: Care,
        root_of: Callable[[Address], Awaitable[AccountEntry | None]],
        signers_of: Callable[[Address], SignerList | None],
        validated: Callable[[], LedgerIndex | None],
    ) -> None:
        """Know nothing yet.

        Args:
            store: where it is remembered.
            care: who tells people of it.
            root_of: reads a signer's account as validated ledgers have it; None for none there.
            signers_of: tells an account's signer list, from validated ledgers alone.
            validated: tells the newest validated ledger.
        """
        self.refusals: Callable[[], Iterable[Refusal]] = _nothing
        self.keys: Mapping[Address, str] = {}
        self._store = store
        self._care = care
        self._root_of = root_of
        self._signers_of = signers_of
        self._validated = validated
        self._refused: dict[Address, Refused] = {}
        self._heard: dict[TxHash, frozenset[Address]] = {}
        self._looked: dict[Address, LedgerIndex] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Bring back what was known before.

        Raises:
            StoreError: it cannot be read.
        """
        async with self._store.read() as work:
            found = await work.cosignatures.refused()
        self._refused = msgspec.convert(dict(found), dict[Address, Refused])
        for account, refused in self._refused.items():
            self._care.unfit(account, refused.sentence())

    def signs_with(self, account: Address, public_keys: Collection[str]) -> None:
        """Take note of the key that signs for a signer by now; of several it is not known which."""
        if len(public_keys) == 1:
            self.keys = {**self.keys, account: next(iter(public_keys))}

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def avoided(self, account: Address) -> tuple[frozenset[Address], ...]:
        """Return who of the signers of ``account`` are not to sign together, by all that is known.

        Those whose refusal is the longest ago come first.
        """
        self._hear()
        signers = self._signers_of(account)
        known = self._refused.get(account)
        if known is None or signers is None:
            # At the start the list is still to be read: that is no reason to forget anything.
            return ()
        held = known.under(signers, self.keys)
        if held != known:
            self._learn(account, held)
        elif held.together:
            self._look_into(account, held)
        return held.avoided

    def renounced(
        self, account: Address, signers: SignerList, able: Iterable[Address]
    ) -> frozenset[TxHash]:
        """Return the refused attempts of ``account`` that others of ``able`` would sign now."""
        avoided = self.avoided(account)
        if not avoided or quorum_of(able, signers, avoided) is None:
            return frozenset()
        mine = [attempt for attempt, _ in self.refusals() if attempt.account == account]
        return frozenset(
            attempt.transaction
            for attempt in mine
            if any(one <= self._heard.get(attempt.transaction, frozenset()) for one in avoided)
        )

    def _hear(self) -> None:
        """Take note of what servers refuse by now, each once."""
        refusals = [
            (attempt, said)
            for attempt, said in self.refusals()
            if attempt.by == Right.SIGNER_LIST.value and is_of_signers(said)
        ]
        now = {attempt.transaction for attempt, _ in refusals}
        self._heard = {one: who for one, who in self._heard.items() if one in now}
        for attempt, said in refusals:
            signers = self._signers_of(attempt.account)
            if attempt.transaction in self._heard or signers is None:
                continue
            together = signers_in(attempt.blob)
            self._heard[attempt.transaction] = frozenset(together)
            known = self._refused.get(attempt.account, NOTHING_REFUSED)
            self._looked.pop(attempt.account, None)
            self._learn(attempt.account, known.adding(signers, together), of=(attempt, said))

    def _learn(self, account: Address, refused: Refused, *, of: Refusal | None = None) -> None:
        if refused.together:
            self._refused[account] = refused
            self._care.unfit(account, refused.sentence())
        else:
            self._refused.pop(account, None)
            self._care.fit(account)
        self._begin(self._write_down(of))

    def _begin(self, step: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_down(self, of: Refusal | None) -> None:
        async with self._turn:
            try:
                async with self._store.write() as work:
                    whole = msgspec.to_builtins(self._refused)
                    await work.cosignatures.put_refused(whole)
                    if of is not None:
                        attempt, said = of
                        facts = {
                            "transaction": attempt.transaction,
                            "signers": sorted(self._heard.get(attempt.transaction, ())),
                            "result": said,
                        }
                        await work.cosignatures.journal.append(
                            "cosign_unfit", channel=attempt.channel, facts=facts
                        )
            except StoreError as failure:
                _log.warning("unfit_signers_not_written", why=str(failure))

    def _look_into(self, account: Address, refused: Refused) -> None:
        """Have the accounts of those who are put aside read, now and then."""
        now, looked = self._validated(), self._looked.get(account)
        if now is None or (looked is not None and now - looked < _LOOK_EVERY):
            return
        self._looked[account] = now
        self._begin(self._look(account, refused.signers))

    async def _look(self, account: Address, signers: Iterable[Address]) -> None:
        before = self._refused.get(account, NOTHING_REFUSED)
        for signer in sorted(signers):
            try:
                entry = await self._root_of(signer)
            except LedgerError as failure:
                _log.info("signer_not_read", signer=signer, why=str(failure))
                continue
            # Meanwhile more may have been refused.
            known = self._refused.get(account)
            if known is None:
                return
            self._refused[account] = known.seeing(signer, entry)
        after = self._refused.get(account, NOTHING_REFUSED)
        if after != before:
            self._learn(account, after)
