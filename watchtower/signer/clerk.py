"""The clerk: refuses, signs, and writes down what it signed before anybody sees it.

What it guarantees, whoever asks, and whatever for:

- Only what ``keys/permission.py`` allows is signed, for the accounts of the signer's own settings,
  and a claim only if the key that it names has signed it: whoever stole the daemon's place at the
  socket cannot have nonsense signed, whose fee the ledger would take.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import structlog

from watchtower.errors import KeyMissingError, MasterKeyIdleError, SigningRefusedError, StoreError
from watchtower.judgement.claim import Claim, Refused, verify
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hands
from watchtower.keys.permission import Roles, why_not
from watchtower.keys.signed import SignedTransaction, codec_of
from watchtower.keys.signer import Signer
from watchtower.keys.signer_messages import HeldKey, Refusal, SignAnswer, Signature
from watchtower.keys.vault import Standing, Vault
from watchtower.signer.spending import Day, DayLimits, Draft, seat_of
from watchtower.signer_settings import SignerSettings
from watchtower.store.database import Store
from watchtower.store.journal import Entry, Line
from watchtower.store.work import Work
from watchtower.units import Address, ChannelId, Drops

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
_LONGEST_NAME: Final = 64


class Clerk:
    """Signs with the keys of one store. Make one with `begin`."""

    def __init__(
        self, store: Store, settings: SignerSettings, day: Day, clock: Callable[[], float]
    ) -> None:
        """Go on with what was signed on ``day``."""
        table = settings.signer
        self._store = store
        self._vault = Vault(store)
        self._roles = Roles(payees=settings.payees, payers=settings.payers)
        self._rights = tuple(Right(name) for name in settings.rights)
        self._fee_cap = Drops(table.fee_cap_drops)
        self._most_tickets = table.most_tickets
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

    async def keys(self) -> tuple[HeldKey, ...]:
        """Return the public halves of the keys of the accounts in the settings.

        Raises:
            StoreError: the store cannot be read.
        """
        ours = {*self._roles.payees, *self._roles.payers}
        cards = await self._vault.cards()
        return tuple(
            HeldKey(account=card.account, public_key=card.public_key)
            for card in cards
            if card.account in ours and card.standing is Standing.SIGNS
        )

    async def sign(
        self, number: int, transactions: Sequence[Mapping[str, Any]], *, who: str
    ) -> SignAnswer:
        """Sign transactions up to the first that is refused; all of it is on disk then.

        Args:
            number: of the request.
            transactions: unsigned, in whatever form somebody sent them.
            who: asked, for the journal.
        """
        async with self._turn:
            try:
                return await self._sign(number, transactions, who)
            except StoreError as failure:
                # Nothing leaves that is not in the journal.
                _log.warning("not_signed", why=str(failure))
                why = "its store cannot be used now; its own log says why"
                return SignAnswer(id=number, refusal=Refusal(kind="unable", why=why))

    async def _sign(
        self, number: int, transactions: Sequence[Mapping[str, Any]], who: str
    ) -> SignAnswer:
        day = self._today()
        draft = Draft(day, self._limits)
        signed: list[SignedTransaction] = []
        refusal: Refusal | None = None
        try:
            held = {Address(key.account): key.public_key for key in await self.keys()}
            async for each in self._hands(transactions, held).sign_each(
                self._admitted(transactions, draft)
            ):
                asked = transactions[len(signed)]
                draft.signed(seat_of(asked), Drops(int(asked["Fee"])))
                signed.append(each)
        except SigningRefusedError as error:
            refusal = Refusal(kind="refused", why=str(error.facts["why"])[:512])
        except KeyMissingError as error:
            refusal = Refusal(kind="key_missing", why=str(error)[:512])
        except MasterKeyIdleError as error:
            refusal = Refusal(kind="master_key_idle", why=str(error)[:512])
        await self._write_down(day, transactions, signed, refusal, who)
        draft.commit()
        signatures = tuple(map(_signature_of, transactions, signed))
        return SignAnswer(id=number, signatures=signatures, refusal=refusal)

    def _today(self) -> Day:
        """Return the present day; that of before is kept, for clocks that are set right."""
        number = int(self._clock() // _DAY)
        today = self._days.pop(number, None) or Day(number)
        before = list(self._days.values())[-1:]
        self._days = {day.number: day for day in (*before, today)}
        return today

    def _hands(
        self, transactions: Sequence[Mapping[str, Any]], held: Mapping[Address, str]
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
            if transaction.get("Account") in self._roles.payers
        }
        hands = [
            Signer(
                self._vault,
                self._roles.payees,
                self._fee_cap,
                right=right,
                most_tickets=self._most_tickets,
                payers=self._roles.payers,
                source_of=sources.get,
            )
            for right in self._rights
        ]
        for hand in hands:
            hand.hold({account: (key,) for account, key in held.items()})
        accounts = (*self._roles.payees, *self._roles.payers)
        return Hands(hands, dict.fromkeys(accounts, self._rights), clock=self._clock)

    def _admitted(
        self, transactions: Sequence[Mapping[str, Any]], draft: Draft
    ) -> Iterator[Mapping[str, Any]]:
        """Yield transactions while nothing speaks against them."""
        for transaction in transactions:
            reason = self._why_not(transaction, draft)
            if reason is not None:
                raise SigningRefusedError(why=reason)
            yield transaction

    def _why_not(self, transaction: Mapping[str, Any], draft: Draft) -> str | None:
        account = transaction.get("Account")
        reason = why_not(
            transaction,
            self._roles,
            self._fee_cap,
            most_tickets=self._most_tickets,
            source=Address(account) if isinstance(account, str) else None,
        )
        return (
            reason
            or _bad_claim(transaction)
            or draft.why_not(seat_of(transaction), Drops(int(transaction["Fee"])))
        )

    async def _write_down(
        self,
        day: Day,
        asked: Sequence[Mapping[str, Any]],
        signed: Sequence[SignedTransaction],
        refusal: Refusal | None,
        who: str,
    ) -> None:
        facts = {"day": day.number, "who": who}
        lines: list[Line] = [
            (
                SIGNED,
                _channel_of(each),
                None,
                {**_facts(each), **facts, "transaction": one.transaction},
            )
            for each, one in zip(asked, signed, strict=False)
        ]
        if refusal is not None:
            refused = {"why": refusal.why, **_names(asked[len(signed)])}
            _log.warning("signing_refused", **refused, who=who)
            day.refusals += 1
            if day.refusals <= _MOST_REFUSALS:
                lines.append((REFUSED, None, None, {**refused, **facts}))
        if not lines:
            return
        async with self._store.write() as work:
            if self._noted != day.number:
                tail = await work.journal.tail(1)
                behind = tail[-1].number if tail else 0
                await work.notes.put(_DAY_NOTE, {"day": day.number, "behind": behind})
            await work.journal.append_all(lines)
            above = await work.highest.raise_all(_targets(asked[: len(signed)]))
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
    day.signed((Address(facts["account"]), name, facts[name]), Drops(facts["fee"]))


def _bad_claim(transaction: Mapping[str, Any]) -> str | None:
    """Return why the ledger would not take the claim of a transaction; None if it would.

    Whether its key is the channel's cannot be told here. If it is not, the ledger refuses the
    transaction without taking a fee (temBAD_SIGNER, PaymentChannelClaim.cpp:120).
    """
    if "Signature" not in transaction:
        return None
    claim = Claim(
        channel=ChannelId(transaction["Channel"]),
        amount=Drops(int(transaction["Amount"])),
        public_key=transaction["PublicKey"],
        signature=transaction["Signature"],
    )
    verified = verify(claim)
    if isinstance(verified, Refused):
        return f"the claim is none: {verified.why.sentence}"
    return "the claim's signature is not in the ledger's own form" if verified.rescued else None


def _signature_of(asked: Mapping[str, Any], signed: SignedTransaction) -> Signature:
    fields = codec_of(asked).decode(bytes.fromhex(signed.blob))
    return Signature(public_key=fields["SigningPubKey"], signature=fields["TxnSignature"])


def _facts(signed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the journal keeps of a transaction that was signed; amounts in drops."""
    _, name, number = seat_of(signed)
    facts: dict[str, Any] = {
        **_names(signed),
        name: number,
        "fee": int(signed["Fee"]),
        "last_ledger": signed["LastLedgerSequence"],
    }
    if "Amount" in signed:
        return {**facts, "claim": int(signed["Amount"]), "target": int(signed["Balance"])}
    if "TicketCount" in signed:
        return {**facts, "tickets": signed["TicketCount"]}
    return {**facts, "closes": True}


def _names(transaction: Mapping[str, Any]) -> dict[str, str]:
    """Return whose transaction, and of which type, somebody sent; it may be anything."""
    return {
        "account": str(transaction.get("Account", ""))[:_LONGEST_NAME],
        "form": str(transaction.get("TransactionType", ""))[:_LONGEST_NAME],
    }


def _channel_of(signed: Mapping[str, Any]) -> ChannelId | None:
    return ChannelId(signed["Channel"]) if "Channel" in signed else None


def _targets(signed: Sequence[Mapping[str, Any]]) -> dict[ChannelId, Drops]:
    """Return up to what each channel is redeemed, the highest if several times."""
    targets: dict[ChannelId, Drops] = {}
    for each in signed:
        if "Balance" in each:
            channel = ChannelId(each["Channel"])
            targets[channel] = max(Drops(int(each["Balance"])), targets.get(channel, Drops(0)))
    return targets
