"""The clerk: refuses, signs, and writes down what it signed before anybody sees it.

What it guarantees, whoever asks, and whatever for:

- Only the forms of ``forms.py`` are signed, for the accounts of the signer's own settings, and a
  claim only if the key that it names has signed it: whoever stole the daemon's place at the socket
  cannot have nonsense signed, whose fee the ledger would take.
- What a day's signatures can cost stays below the cap, by the signer's own clock, also over
  restarts (``spending.py``).
- A signature leaves once it is in the journal, on disk: what was signed can be told, all of it.

A target below one that was signed before for the same channel is signed, and told. To refuse it
would protect nothing: a claim is cumulative, so what is redeemed too low is redeemed later, and who
has the daemon's place can leave out redeeming altogether. And it would be a weapon: the signer has
no ledger and cannot tell the channel's key from any other, so one claim with a key of the thief's
own, up to all XRP there is, would have every true one refused for ever. The same would a server do
that told of too much money in a channel once, or a restored backup that has lost the last claims.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import structlog

from watchtower.errors import KeyMissingError, MasterKeyIdleError, SigningRefusedError, StoreError
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hands
from watchtower.keys.permission import Roles
from watchtower.keys.share import OwnShare
from watchtower.keys.signed import SignedTransaction, codec_of
from watchtower.keys.signer import Signer, SigningKey, signed_with
from watchtower.keys.signer_messages import HeldKey, Refusal, SignAnswer, Signature
from watchtower.keys.vault import Standing, Vault
from watchtower.signer.forms import (
    Terms,
    facts_of,
    is_delegated,
    names_of,
    seat_in,
    targets_of,
    why_refused,
)
from watchtower.signer.spending import Day, DayLimits, Draft
from watchtower.signer_settings import SignerSettings
from watchtower.store.database import Store
from watchtower.store.journal import Entry, Line
from watchtower.store.work import Work
from watchtower.units import Address, ChannelId, Drops, TxHash

__all__ = ["REFUSED", "SIGNED", "Clerk"]

_log = structlog.get_logger(__name__)

SIGNED: Final = "signed"
REFUSED: Final = "signing_refused"
"""What the journal's entries are called."""

_DAY: Final = 86_400
_DAY_NOTE: Final = "signing_day"
_MOST_REFUSALS: Final = 1_000
"""Refusals a day that are written down; who asks for nonsense all day must not fill the disk."""

_PAGE: Final = 1_000
_LONGEST_WHY: Final = 512


class _Made(NamedTuple):
    """A signature, and the hash of what it is of; None for a part of several signatures."""

    signature: Signature
    transaction: TxHash | None = None


class _Stopped(Exception):  # noqa: N818 - never leaves this module
    """It goes no further; ``refusal`` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.refusal = refusal


class _Fetched:
    """Keys of a vault, each fetched once for one request."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._keys: dict[Address, SigningKey] = {}

    async def key_of(self, account: Address) -> SigningKey:
        key = self._keys.get(account)
        if key is None:
            key = self._keys[account] = await self._vault.key_of(account)
        return key


class Clerk:
    """Signs with the keys of one store. Make one with `begin`."""

    def __init__(
        self, store: Store, settings: SignerSettings, day: Day, clock: Callable[[], float]
    ) -> None:
        """Go on with what was signed on ``day``."""
        table = settings.signer
        self._store = store
        self._vault = Vault(store)
        self._terms = Terms(
            roles=Roles(payees=settings.payees, payers=settings.payers),
            fee_cap=Drops(table.fee_cap_drops),
            most_tickets=table.most_tickets,
            delegate=settings.delegate,
            lister=settings.lister,
            cosign_for=frozenset(Address(account) for account in table.cosign_for),
        )
        self._own = settings.own
        self._rights = tuple(Right(name) for name in settings.rights)
        self._limits = DayLimits(
            fees=Drops(table.daily_cap_drops), signatures=table.daily_signatures
        )
        self._days = {day.number: day}
        self._noted: int | None = None
        self._clock = clock
        self._turn = asyncio.Lock()

    @classmethod
    async def begin(
        cls, store: Store, settings: SignerSettings, *, clock: Callable[[], float] = time.time
    ) -> Clerk:
        """Return a clerk who knows what was signed today.

        Raises:
            StoreError: the journal cannot be read.
        """
        day = Day(int(clock() // _DAY))
        clerk = cls(store, settings, day, clock)
        async with store.read() as work:
            noted = await work.notes.get(_DAY_NOTE)
            if noted is not None and noted["day"] == day.number:
                await _recount(work, day, behind=noted["behind"])
                clerk._noted = day.number
        return clerk

    @property
    def fee_cap(self) -> Drops:
        """The most that one transaction may cost."""
        return self._terms.fee_cap

    async def keys(self) -> tuple[HeldKey, ...]:
        """Return the public halves of the keys of the accounts in the settings.

        Where a rotation is under way the next key comes behind the one that signs.

        Raises:
            StoreError: the store cannot be read.
        """
        ours = {*self._terms.roles.payees, *self._terms.roles.payers, *self._own}
        cards = await self._vault.cards()
        return tuple(
            HeldKey(account=card.account, public_key=card.public_key)
            for card in cards
            if card.account in ours and card.standing is not Standing.FORMER
        )

    async def sign(
        self,
        number: int,
        transactions: Sequence[Mapping[str, Any]],
        *,
        who: str,
        is_share: bool = False,
        keys: Mapping[str, str] = MappingProxyType({}),
    ) -> SignAnswer:
        """Sign transactions up to the first that is refused; all of it is on disk then.

        Args:
            number: of the request.
            transactions: unsigned, in whatever form somebody sent them.
            who: asked, for the journal.
            is_share: whether our part as one of a signer list is asked for.
            keys: the key that the ledger is said to take now, by account; it decides between the
                two of a rotation, and nothing else.
        """
        async with self._turn:
            try:
                return await self._sign(number, transactions, who, keys, is_share=is_share)
            except StoreError as failure:
                # Nothing leaves that is not in the journal.
                _log.warning("not_signed", why=str(failure))
                why = "its store cannot be used now; its own log says why"
                return SignAnswer(id=number, refusal=Refusal(kind="unable", why=why))

    async def _sign(
        self,
        number: int,
        transactions: Sequence[Mapping[str, Any]],
        who: str,
        keys: Mapping[str, str],
        *,
        is_share: bool,
    ) -> SignAnswer:
        day = self._today()
        draft = Draft(day, self._limits)
        made: list[_Made] = []
        refusal: Refusal | None = None
        admitted = self._admitted(transactions, draft, is_share=is_share)
        signing = self._shares(admitted) if is_share else self._signed(transactions, admitted, keys)
        try:
            async for one in signing:
                asked = transactions[len(made)]
                draft.signed(seat_in(asked, self._terms), Drops(int(asked["Fee"])))
                made.append(one)
        except _Stopped as stopped:
            refusal = stopped.refusal
        except SigningRefusedError as error:
            refusal = Refusal(kind="refused", why=str(error.facts["why"])[:_LONGEST_WHY])
        except KeyMissingError as error:
            refusal = Refusal(kind="key_missing", why=str(error)[:_LONGEST_WHY])
        except MasterKeyIdleError as error:
            refusal = Refusal(kind="master_key_idle", why=str(error)[:_LONGEST_WHY])
        await self._write_down(day, transactions, made, refusal, who, is_share=is_share)
        draft.commit()
        signatures = tuple(one.signature for one in made)
        return SignAnswer(id=number, signatures=signatures, refusal=refusal)

    async def _shares(self, admitted: Iterator[Mapping[str, Any]]) -> AsyncIterator[_Made]:
        """Sign our part of each, as the account of the settings and no other."""
        keys = _Fetched(self._vault)
        for each in admitted:
            if self._terms.lister is None:
                raise AssertionError("nothing is admitted without an account in signer lists")
            (mine,) = await OwnShare(self._terms.lister, keys).sign([each])
            yield _Made(Signature(public_key=mine.public_key, signature=mine.signature))

    async def _signed(
        self,
        transactions: Sequence[Mapping[str, Any]],
        admitted: Iterator[Mapping[str, Any]],
        keys: Mapping[str, str],
    ) -> AsyncIterator[_Made]:
        """Sign each with the key of its account, or with the delegate's."""
        held: dict[Address, tuple[str, ...]] = {}
        for key in await self.keys():
            account = Address(key.account)
            held[account] = (*held.get(account, ()), key.public_key)
        hands, asked = self._hands(transactions, held, keys), iter(transactions)
        as_delegate = partial(self._as_delegate, _Fetched(self._vault))
        for delegated, run in groupby(admitted, lambda each: is_delegated(each, self._terms)):
            async for signed in (as_delegate if delegated else hands.sign_each)(run):
                yield _made_of(next(asked), signed)

    async def _as_delegate(
        self, keys: _Fetched, run: Iterator[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        for each in run:
            # The very account of the settings: what is admitted names no other.
            yield await signed_with(await keys.key_of(Address(each["Delegate"])), each)

    def _today(self) -> Day:
        """Return the present day; that of before is kept, for clocks that are set right."""
        number = int(self._clock() // _DAY)
        today = self._days.pop(number, None) or Day(number)
        before = list(self._days.values())[-1:]
        self._days = {day.number: day for day in (*before, today)}
        return today

    def _hands(
        self,
        transactions: Sequence[Mapping[str, Any]],
        held: Mapping[Address, tuple[str, ...]],
        keys: Mapping[str, str],
    ) -> Hands:
        """Return who signs these.

        A payer's close is signed for the channel's source, and there is no ledger here to tell who
        that is. A payer is therefore taken for the source of whatever it asks to close, once the
        settings allow closes at all. It can be wrong about one thing: a channel that pays the
        payer would be closed at once, and what is unclaimed in it given back. Such channels are not
        guarded; an account that is also a payee is refused by the settings.
        """
        sources = {
            transaction.get("Channel"): transaction.get("Account")
            for transaction in transactions
            if transaction.get("Account") in self._terms.roles.payers
        }

        def accepts(account: Address, public_key: str) -> bool:
            return keys.get(account) == public_key

        hands = [
            Signer(
                Vault(self._store, accepts=accepts, right=right),
                self._terms.roles.payees,
                self._terms.fee_cap,
                right=right,
                accepts=accepts,
                most_tickets=self._terms.most_tickets,
                payers=self._terms.roles.payers,
                source_of=sources.get,
            )
            for right in self._rights
        ]
        for hand in hands:
            hand.hold(held)
        accounts = (*self._terms.roles.payees, *self._terms.roles.payers)
        return Hands(hands, dict.fromkeys(accounts, self._rights), clock=self._clock)

    def _admitted(
        self, transactions: Sequence[Mapping[str, Any]], draft: Draft, *, is_share: bool
    ) -> Iterator[Mapping[str, Any]]:
        """Yield transactions while nothing speaks against them."""
        for transaction in transactions:
            refusal = why_refused(transaction, self._terms, is_share=is_share)
            if refusal is not None:
                raise _Stopped(refusal)
            seat, fee = seat_in(transaction, self._terms), Drops(int(transaction["Fee"]))
            if (why := draft.why_not(seat, fee)) is not None:
                raise _Stopped(Refusal(kind="capped", why=why))
            yield transaction

    async def _write_down(
        self,
        day: Day,
        asked: Sequence[Mapping[str, Any]],
        made: Sequence[_Made],
        refusal: Refusal | None,
        who: str,
        *,
        is_share: bool,
    ) -> None:
        told = {"day": day.number, "who": who}
        lines: list[Line] = []
        for each, one in zip(asked, made, strict=False):
            facts = {**facts_of(each, self._terms, is_share=is_share), **told}
            if one.transaction is not None:
                facts["transaction"] = one.transaction
            lines.append((SIGNED, _channel_of(each), None, facts))
        if refusal is not None:
            refused = {"why": refusal.why, **names_of(asked[len(made)])}
            _log.warning("signing_refused", **refused, who=who)
            day.refusals += 1
            if day.refusals <= _MOST_REFUSALS:
                lines.append((REFUSED, None, None, {**refused, **told}))
        if not lines:
            return
        async with self._store.write() as work:
            if self._noted != day.number:
                tail = await work.journal.tail(1)
                behind = tail[-1].number if tail else 0
                await work.notes.put(_DAY_NOTE, {"day": day.number, "behind": behind})
            await work.journal.append_all(lines)
            above = await work.highest.raise_all(targets_of(asked[: len(made)]))
        self._noted = day.number
        for channel, highest in above.items():
            _log.warning("signed_lower", channel=channel, highest=highest, who=who)


async def _recount(work: Work, day: Day, *, behind: int) -> None:
    """Have ``day`` know what the journal says of it, from behind entry ``behind`` on."""
    entries = await work.journal.since(behind, _PAGE)
    while entries:
        for entry in (numbered.entry for numbered in entries):
            if entry.kind in {SIGNED, REFUSED} and entry.facts["day"] == day.number:
                _count(day, entry)
        entries = await work.journal.since(entries[-1].number, _PAGE)


def _count(day: Day, entry: Entry) -> None:
    facts = entry.facts
    if entry.kind == REFUSED:
        day.refusals += 1
        return
    name = "ticket" if "ticket" in facts else "sequence"
    account = Address(facts["account"])
    payer = Address(facts.get("fee_payer", account))
    day.signed((payer, account, name, facts[name]), Drops(facts["fee"]))


def _made_of(asked: Mapping[str, Any], signed: SignedTransaction) -> _Made:
    fields = codec_of(asked).decode(bytes.fromhex(signed.blob))
    signature = Signature(public_key=fields["SigningPubKey"], signature=fields["TxnSignature"])
    return _Made(signature, signed.transaction)


def _channel_of(signed: Mapping[str, Any]) -> ChannelId | None:
    return ChannelId(signed["Channel"]) if "Channel" in signed else None
