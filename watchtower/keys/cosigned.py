"""The hand of a signer list: asks all co-signers at once, and takes the first that are enough.

What it guarantees:

- Nothing leaves that has not the weight the account's signer list asks for, as the ledger was last
  seen to have it; every signature was verified, and the whole was read back.
- Nobody is waited for who is not needed. A co-signer that is slow, or away, or answers what is no
  signature of what it was asked for, is put aside and told of; the others' signatures suffice, or
  the transaction is given up within a fixed time.
- What was asked for is in the journal before it is asked, and who signed before it is handed out.
  The attempt itself is journalled by who sends it.

It signs claims that are redeemed, and nothing else: no tickets, and nothing of a payer's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol

import structlog

from watchtower.errors import QuorumMissingError, SigningError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.cosign_messages import MOST_AT_ONCE
from watchtower.keys.cosigning import seat_of
from watchtower.keys.multisign import Cosignature, MultiSigned, most_signatures, multisigned
from watchtower.keys.permission import Roles, why_not
from watchtower.keys.signer import SignedTransaction
from watchtower.keys.told import Answered, Away, Faulty, Told
from watchtower.ledger.events import SignerList
from watchtower.response.way import Way
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Care", "CosignedHand"]

_log = structlog.get_logger(__name__)

_ASIDE: Final = 60.0
"""Seconds for which a co-signer that failed is asked only if the others are too few."""

_Transaction = Mapping[str, Any]


class Share(Protocol):
    """Our own part."""

    @property
    def account(self) -> Address:
        """Who we are in the signer list."""
        ...

    @property
    def most(self) -> Drops | None:
        """The most drops that it signs at once, by settings of its own; None without a cap."""
        ...

    async def sign(self, transactions: Sequence[_Transaction]) -> list[Cosignature]:
        """Return our signature of each, up to the first that is refused."""
        ...


class Cosigner(Protocol):
    """Somebody else's part."""

    @property
    def account(self) -> Address:
        """Who it is in the signer list."""
        ...

    async def ask(self, transactions: Sequence[_Transaction]) -> Told:
        """Ask for a signature of each; signatures that come were verified."""
        ...


class Persons(Protocol):
    """People that can be asked, and answer in their own time."""

    @property
    def accounts(self) -> Collection[Address]:
        """Who they are in the signer list."""
        ...

    async def wait_for(self, transaction: _Transaction, signers: SignerList) -> None:
        """Have them asked for a transaction that was not signed by enough others."""
        ...


class Care(Protocol):
    """Who tells people how co-signers do."""

    def well(self, account: Address) -> None:
        """It answered as it should."""
        ...

    def away(self, account: Address, why: str) -> None:
        """It did not answer."""
        ...

    def faulty(self, account: Address, why: str) -> None:
        """It answered what no co-signer in its right mind does."""
        ...

    def refused(self, account: Address, channel: ChannelId, why: str) -> None:
        """It judged a claim, and would not sign."""
        ...

    def signed(self, channel: ChannelId) -> None:
        """Enough signed for the channel."""
        ...


@dataclass(slots=True)
class _Paper:
    """A transaction, and who has signed it so far."""

    transaction: _Transaction
    signers: SignerList
    given: list[Cosignature] = field(default_factory=list)
    refusals: dict[Address, str] = field(default_factory=dict)
    done: MultiSigned | None = None

    def take(self, account: Address, answer: Cosignature | str) -> None:
        if isinstance(answer, str):
            self.refusals[account] = answer
        else:
            self.given.append(answer)
            self.done = self.done or multisigned(self.transaction, self.given, self.signers)

    @property
    def was_judged(self) -> bool:
        """Whether those that answered would have been enough, had they all signed."""
        weights = dict(self.signers.signers)
        answered = {one.account for one in self.given} | self.refusals.keys()
        return sum(weights.get(one, 0) for one in answered) >= self.signers.quorum


class CosignedHand:
    """Signs for accounts in whose signer lists we are, together with the others there."""

    right = Right.SIGNER_LIST

    def __init__(
        self,
        share: Share,
        cosigners: Sequence[Cosigner],
        *,
        persons: Persons | None = None,
        payees: Collection[Address],
        fee_cap: Drops,
        signers_of: Callable[[Address], SignerList | None],
        store: Store,
        care: Care,
        patience: float,
    ) -> None:
        """Sign with our own ``share`` and those of ``cosigners``.

        Args:
            share: our own part.
            cosigners: the other towers.
            persons: people who are asked where the towers are too few.
            payees: the accounts in the configuration that redeem.
            fee_cap: the most drops that a transaction may cost.
            signers_of: tells an account's signer list, from validated ledgers alone.
            store: where it is written down who was asked for what, and who signed.
            care: who tells people how co-signers do.
            patience: seconds that co-signers have for an answer.
        """
        self._share = share
        self._cosigners = tuple(cosigners)
        self._persons = persons
        self._roles = Roles(payees=frozenset(payees))
        self._fee_cap = fee_cap
        self._signers_of = signers_of
        self._store = store
        self._care = care
        self._patience = patience
        self._aside: dict[Address, float] = {}
        self._asking: set[asyncio.Task[Told]] = set()

    def way(self, account: Address) -> Way | None:
        """Return how it signs for ``account``; None where the list does not have enough of us.

        Each signature costs a base fee (rippled Transactor.cpp, calculateBaseFee).
        """
        signers = self._signers_of(account)
        if signers is None or account not in self._roles.payees:
            return None
        people = () if self._persons is None else self._persons.accounts
        ours = {self._share.account, *(one.account for one in self._cosigners), *people}
        count = most_signatures(ours, signers)
        return None if count is None else Way(fee_units=1 + count, most=self._share.most)

    async def sign(self, transaction: _Transaction) -> SignedTransaction:
        """Return ``transaction`` signed by enough signers of its account.

        Raises:
            SigningRefusedError: it is none that is signed here, or too many co-signers refused it.
            QuorumMissingError: too few of them answered.
            KeyMissingError: our own part has no key.
            StoreError: it could not be written down.
        """
        async for signed in self.sign_each([transaction]):
            return signed
        raise AssertionError("one transaction has one answer")

    async def sign_each(
        self, transactions: Iterable[_Transaction]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other, many with one question; the first that fails ends it."""
        coming = iter(transactions)
        while batch := list(islice(coming, MOST_AT_ONCE)):
            papers, trouble = self._papers(batch)
            while papers:
                ready = await self._have_signed(papers)
                for paper in ready:
                    if paper.done is None:
                        raise await self._trouble_of(paper)
                    done = paper.done
                    yield SignedTransaction(blob=done.blob, transaction=done.transaction)
                # Who signs our part refused the next: asked for that first, it says why.
                papers = papers[len(ready) :]
            if trouble is not None:
                raise trouble

    async def close(self) -> None:
        """Stop listening for those that are late."""
        for late in self._asking:
            late.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _papers(
        self, transactions: Iterable[_Transaction]
    ) -> tuple[list[_Paper], SigningError | None]:
        """Return what may be signed, up to the first that may not, and why that may not."""
        papers: list[_Paper] = []
        for one in transactions:
            if one.get("TransactionType") != "PaymentChannelClaim":
                why = "a signer list is asked for claims alone"
                return papers, SigningRefusedError(why=why)
            why_refused = why_not(one, self._roles, self._fee_cap)
            if why_refused is not None:
                return papers, SigningRefusedError(why=why_refused)
            account = Address(one["Account"])
            signers = self._signers_of(account)
            if signers is None:
                why = "the ledger is not known to have a signer list of it"
                return papers, QuorumMissingError(account=account, why=why)
            papers.append(_Paper(one, signers))
        return papers, None

    async def _have_signed(self, papers: Sequence[_Paper]) -> Sequence[_Paper]:
        """Have others sign what we sign ourselves; return as many as that are."""
        ours = await self._share.sign([paper.transaction for paper in papers])
        papers = papers[: len(ours)]
        transactions = [paper.transaction for paper in papers]
        for paper, mine in zip(papers, ours, strict=True):
            paper.take(mine.account, mine)
        asked = self._to_be_asked(papers)
        names = sorted(one.account for one in asked)
        await self._write_down("cosign_asked", papers, lambda _: {"asked": names})
        await self._ask_all(asked, papers, transactions)
        done = [paper for paper in papers if paper.done is not None]
        await self._write_down("multisigned", done, _who_signed)
        for paper in done:
            self._care.signed(ChannelId(paper.transaction["Channel"]))
        return papers

    def _to_be_asked(self, papers: Sequence[_Paper]) -> list[Cosigner]:
        """Return who is asked: those on the lists, without those aside if the rest is enough."""
        now = asyncio.get_running_loop().time()
        listed = {account for paper in papers for account, _ in paper.signers.signers}
        able = [one for one in self._cosigners if one.account in listed]
        well = [one for one in able if self._aside.get(one.account, 0.0) <= now]
        accounts = {self._share.account, *(one.account for one in well)}
        is_enough = all(most_signatures(accounts, p.signers) is not None for p in papers)
        return well if is_enough else able

    async def _ask_all(
        self, asked: Iterable[Cosigner], papers: Sequence[_Paper], transactions: Sequence[Any]
    ) -> None:
        """Ask at once, until all papers have enough signatures, or the time is over."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._patience
        waiting: dict[asyncio.Task[Told], Cosigner] = {}
        for one in asked:
            task = loop.create_task(self._ask(one, transactions))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            waiting[task] = one
        try:
            while waiting and any(paper.done is None for paper in papers):
                left = max(0.0, ends - loop.time())
                came, _ = await asyncio.wait(
                    waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if not came:
                    return
                for task in came:
                    self._hear(waiting.pop(task), task.result(), papers)
        except BaseException:
            for task in waiting:
                task.cancel()
            raise
        # Those that are late are still heard, for what is the matter with them should be told.

    def _hear(self, one: Cosigner, told: Told, papers: Sequence[_Paper]) -> None:
        if not isinstance(told, Answered):
            for paper in papers:
                paper.refusals.pop(one.account, None)
            return
        for paper, answer in zip(papers, told.each, strict=True):
            paper.take(one.account, answer)

    async def _ask(self, one: Cosigner, transactions: Sequence[Any]) -> Told:
        """Ask one of them within the time, and take note of how it does."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                told = await one.ask(transactions)
        except TimeoutError:
            told = Away(f"nothing came within {self._patience:g} s")
        except Exception as wrong:  # noqa: BLE001 - one of them must not hold up the others
            _log.warning("cosigner_not_asked", cosigner=one.account, why=repr(wrong))
            told = Away(f"it could not be asked ({type(wrong).__name__})")
        account = one.account
        match told:
            case Away(why):
                self._aside[account] = loop.time() + _ASIDE
                self._care.away(account, why)
            case Faulty(why):
                self._aside[account] = loop.time() + _ASIDE
                self._care.faulty(account, why)
            case Answered(each):
                self._aside.pop(account, None)
                self._care.well(account)
                for transaction, answer in zip(transactions, each, strict=True):
                    if isinstance(answer, str):
                        self._care.refused(account, ChannelId(transaction["Channel"]), answer)
        return told

    async def _trouble_of(self, paper: _Paper) -> SigningError:
        """Return why there are too few signatures, once people have been asked where there are."""
        if self._persons is not None:
            await self._persons.wait_for(paper.transaction, paper.signers)
        whys = "; ".join(f"{who} refused, since {why}" for who, why in paper.refusals.items())
        if paper.was_judged:
            return SigningRefusedError(why=whys)
        signed = ", ".join(sorted(one.account for one in paper.given)) or "nobody"
        why = f"{signed} did, and the others did not answer" + (f"; {whys}" if whys else "")
        return QuorumMissingError(account=paper.transaction["Account"], why=why)

    async def _write_down(
        self, kind: str, papers: Sequence[_Paper], more: Callable[[_Paper], Mapping[str, Any]]
    ) -> None:
        if not papers:
            return
        async with self._store.write() as work:
            await work.journal.append_all(
                (kind, paper.transaction["Channel"], None, {**_facts(paper), **more(paper)})
                for paper in papers
            )


def _facts(paper: _Paper) -> dict[str, Any]:
    seat = seat_of(paper.transaction)
    return {
        "account": paper.transaction["Account"],
        "ticket" if seat.is_ticket else "sequence": seat.number,
        "target": int(paper.transaction["Balance"]),
        "fee": int(paper.transaction["Fee"]),
        "last_ledger": paper.transaction["LastLedgerSequence"],
    }


def _who_signed(paper: _Paper) -> dict[str, Any]:
    done = paper.done
    return {
        "transaction": None if done is None else done.transaction,
        "signers": sorted(one.account for one in paper.given),
        "refused": dict(paper.refusals),
    }
