"""The hand of a signer list: asks all co-signers at once, and takes the first that are enough.

What it guarantees:

- Nothing leaves that has not the weight the account's signer list asks for, as the ledger was last
  seen to have it; every signature was verified, and the whole was read back.
- Nobody is waited for who is not needed (`cosign_company`): enough signatures suffice, or the
  transaction is given up within a fixed time.
- Whoever signed what the ledger did not take is put aside as well, and another quorum is tried
  (`cosign_fitness`). Where nobody else is left they are asked all the same.
- What was asked for is in the journal before it is asked, and who signed before it is handed out.
  The attempt itself is journalled by who sends it.

It signs claims that are redeemed, and nothing else: no tickets, and nothing of a payer's.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from itertools import islice
from typing import Any

from watchtower.errors import (
    KeyMissingError,
    QuorumMissingError,
    SignerUnreachableError,
    SigningError,
    SigningRefusedError,
)
from watchtower.judgement.claim import Claim
from watchtower.keys.authority import Right
from watchtower.keys.cosign_company import Company
from watchtower.keys.cosign_fitness import Fitness, Refusal
from watchtower.keys.cosign_messages import MOST_AT_ONCE
from watchtower.keys.cosign_paper import Paper, facts_of, trouble_of, who_signed
from watchtower.keys.cosign_surroundings import Care, Cosigner, Persons, Share
from watchtower.keys.multisign import most_signatures, quorum_of
from watchtower.keys.permission import Roles, why_not
from watchtower.keys.signer import SignedTransaction
from watchtower.ledger.events import SignerList
from watchtower.response.way import Way
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, TxHash

__all__ = ["CosignedHand"]

_Transaction = Mapping[str, Any]


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
        fitness: Fitness,
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
            fitness: knows whose signatures the ledger does not take.
            store: where it is written down who was asked for what, and who signed.
            care: who tells people how co-signers do.
            patience: seconds that co-signers have for an answer.
        """
        self._share = share
        self._company = Company(cosigners, care=care, patience=patience)
        self._persons = persons
        self._roles = Roles(payees=frozenset(payees))
        self._fee_cap = fee_cap
        self._signers_of = signers_of
        self._fitness = fitness
        self._store = store
        self._care = care
        self._has_key = True
        self._asked_nobody: dict[ChannelId, str] = {}

    def meet(
        self,
        *,
        keep: Callable[[Sequence[Claim]], Awaitable[object]],
        refusals: Callable[[], Iterable[Refusal]],
    ) -> None:
        """Take note of who is made later than this hand.

        Args:
            keep: keeps claims that co-signers handed over, as any that were handed in.
            refusals: tells what every server refuses for who signed it.
        """
        self._company.keep = keep
        self._fitness.refusals = refusals

    def hold(self, keys: Mapping[Address, Collection[str]]) -> None:
        """Take note of the public keys that there are now, by account, so that `way` can tell."""
        mine = keys.get(self._share.account, ())
        self._has_key = bool(mine)
        self._fitness.signs_with(self._share.account, mine)

    def way(self, account: Address) -> Way | None:
        """Return how it signs for ``account``; None where the list does not have enough of us.

        Each signature costs a base fee (rippled Transactor.cpp, calculateBaseFee).
        """
        signers = self._signers_of(account)
        if account not in self._roles.payees:
            return None
        renounced = self._renounced(account, signers)
        if signers is None:
            return None
        ours = self._own() | self._company.accounts
        if self._persons is not None and self._has_key:
            # What a person completes has our own signature, and nobody else's.
            ours |= set(self._persons.accounts)
        count = most_signatures(ours, signers)
        if count is None:
            return None
        return Way(fee_units=1 + count, most=self._share.most, renounced=renounced)

    def why_idle(self, account: Address) -> SigningError:
        """Return what is missing, where there is no way."""
        why = "the signer list, as last seen, does not give those who sign here its quorum"
        return QuorumMissingError(account=account, why=why)

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
                        raise trouble_of(paper, ready)
                    done = paper.done
                    yield SignedTransaction(blob=done.blob, transaction=done.transaction)
                # Who signs our part refused the next: asked for that first, it says why.
                papers = papers[len(ready) :]
            if trouble is not None:
                raise trouble

    async def close(self) -> None:
        """Stop listening for those that are late."""
        await self._company.close()
        await self._fitness.close()

    def _own(self) -> set[Address]:
        return {self._share.account} if self._has_key else set()

    def _renounced(self, account: Address, signers: SignerList | None) -> frozenset[TxHash]:
        """Return which of its attempts others could sign now, since nobody takes them as they are.

        Whoever does not answer is nobody who could: a new attempt in every ledger with the same
        signatures would be no help.
        """
        if signers is None:
            self._fitness.avoided(account)
            return frozenset()
        well = self._own() | self._company.well(signers)
        return self._fitness.renounced(account, signers, well)

    def _papers(
        self, transactions: Iterable[_Transaction]
    ) -> tuple[list[Paper], SigningError | None]:
        """Return what may be signed, up to the first that may not, and why that may not."""
        papers: list[Paper] = []
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
                channels = (ChannelId(one["Channel"]),)
                return papers, QuorumMissingError(account=account, why=why, channels=channels)
            papers.append(Paper(one, signers, self._fitness.avoided(account)))
        return papers, None

    async def _have_signed(self, papers: Sequence[Paper]) -> Sequence[Paper]:
        """Have others sign what we sign ourselves; return as many as that are."""
        papers = await self._sign_ourselves(papers)
        await self._company.ask(papers, self._note_asked)
        await self._ask_people([paper for paper in papers if paper.done is None])
        for paper in papers:
            if paper.done is not None:
                self._care.signed(paper.channel)
                self._asked_nobody.pop(paper.channel, None)
            paper.settle()
        done = [paper for paper in papers if paper.done is not None]
        await self._write_down("multisigned", done, who_signed)
        return papers

    async def _sign_ourselves(self, papers: Sequence[Paper]) -> Sequence[Paper]:
        """Put our own signature to as many as it is given for, and return those.

        Where our key is not at hand, and the others are enough, all are returned without it.

        Raises:
            KeyMissingError: there is none, and they are not.
            SignerUnreachableError: who holds it does not answer, and they are not.
            SigningError: what holds it refuses the first.
            StoreError: it cannot be read.
        """
        us = self._share.account
        try:
            ours = await self._share.sign([paper.transaction for paper in papers])
        except (KeyMissingError, SignerUnreachableError) as missing:
            others = self._company.accounts
            if any(quorum_of(others, paper.signers) is None for paper in papers):
                raise
            self._care.away(us, f"it is our own. {missing}")
            return papers
        self._care.well(us)
        for paper, mine in zip(papers, ours, strict=False):
            paper.take(mine.account, mine)
        return papers[: len(ours)]

    async def _ask_people(self, undone: Sequence[Paper]) -> None:
        """Have persons asked for all that they could complete, so that they see it at once.

        Raises:
            StoreError: it could not be written down.
        """
        if self._persons is None or not self._has_key:
            return
        possible = {self._share.account, *self._persons.accounts}
        for paper in undone:
            # Whom the ledger refused together with us is not asked to sign in vain.
            if quorum_of(possible, paper.signers, paper.refused) is not None:
                await self._persons.wait_for(paper.transaction, paper.signers)

    async def _note_asked(self, papers: Sequence[Paper], asked: Sequence[Address]) -> None:
        """Write down who is asked; that nobody is, only once for what one channel owes."""
        if not asked:
            known = self._asked_nobody
            papers = [p for p in papers if known.get(p.channel) != p.transaction["Amount"]]
            await self._write_down("cosign_asked", papers, lambda _: {"asked": asked})
            known |= {paper.channel: paper.transaction["Amount"] for paper in papers}
            return
        for paper in papers:
            self._asked_nobody.pop(paper.channel, None)
        await self._write_down("cosign_asked", papers, lambda _: {"asked": asked})

    async def _write_down(
        self, kind: str, papers: Sequence[Paper], more: Callable[[Paper], Mapping[str, Any]]
    ) -> None:
        if not papers:
            return
        async with self._store.write() as work:
            await work.journal.append_all(
                (kind, paper.transaction["Channel"], None, {**facts_of(paper), **more(paper)})
                for paper in papers
            )
