"""People as co-signers: requests that wait for them in the store, and answers that come back.

A person takes minutes or hours, so what they sign lapses much later than what towers sign; and it
is the same transaction all the while, for a signature under another one is worth nothing. What
towers do meanwhile does no harm: both use the same seat, and one of the two applies.

What it guarantees: an answer counts only with a signature of the configured key under the very
transaction that waits; and once it is complete, it is an attempt in the store, with its journal
line, in the same transaction in which the request goes. A daemon that runs sends it from there, and
one that is started later does, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from watchtower.errors import CosignFormatError
from watchtower.judgement.channel import Channel
from watchtower.keys.authority import Right
from watchtower.keys.cosign_messages import ChannelMessage, PersonalAnswer, PersonalRequest
from watchtower.keys.cosigning import seat_of
from watchtower.keys.multisign import (
    Cosignature,
    MultiSigned,
    most_signatures,
    multisigned,
    to_multisign,
    verified,
)
from watchtower.ledger.events import ChannelEntry, SignerList
from watchtower.response.attempt import Attempt
from watchtower.store.cosignatures import COSIGN_ANSWERED
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

__all__ = ["People", "Waiting", "take_answer", "waiting_requests"]

_NAME: Final = 16
"""Letters of a request's name."""


class Share(Protocol):
    """Our own part."""

    @property
    def account(self) -> Address:
        """Who we are in the signer list."""
        ...

    async def sign(self, transactions: list[Mapping[str, Any]]) -> list[Cosignature]:
        """Return our signature of each."""
        ...


class Waiting(Struct, frozen=True):
    """A transaction that waits for persons, with those who signed it already.

    ``persons`` are those who may, each with the key that signs for them.
    """

    request: PersonalRequest
    quorum: int
    weights: list[tuple[str, int]]
    persons: dict[str, str]
    given: list[tuple[str, str, str]]

    @property
    def channel(self) -> ChannelId:
        """The channel that it redeems."""
        return ChannelId(str(self.request.transaction["Channel"]))

    @property
    def last_ledger(self) -> LedgerIndex:
        """Until when it is good."""
        return LedgerIndex(int(self.request.transaction["LastLedgerSequence"]))

    @property
    def signers(self) -> SignerList:
        """The signer list, as it was known when the request was made."""
        weights = tuple((Address(account), weight) for account, weight in self.weights)
        return SignerList(quorum=self.quorum, signers=weights)

    def signed_by(self, more: Cosignature) -> Waiting:
        """Return it with one more signature."""
        others = [one for one in self.given if one[0] != more.account]
        mine = (more.account, more.public_key, more.signature)
        return msgspec.structs.replace(self, given=[*others, mine])

    def complete(self) -> MultiSigned | None:
        """Return the transaction with its signatures; None while they are too few."""
        given = [
            Cosignature(account=Address(account), public_key=key, signature=signature)
            for account, key, signature in self.given
        ]
        return multisigned(self.request.transaction, given, self.signers)


class People:
    """The persons in the configuration, asked by way of the store."""

    def __init__(
        self,
        keys: Mapping[Address, str],
        share: Share,
        *,
        store: Store,
        entry_of: Callable[[ChannelId], ChannelEntry | None],
        validated: Callable[[], LedgerIndex | None],
        ledgers: int,
        tell: Callable[[ChannelId, LedgerIndex], None],
    ) -> None:
        """Ask nobody yet.

        Args:
            keys: the public key of each person, by their accounts in signer lists.
            share: our own part, which goes with every request.
            store: where requests wait.
            entry_of: tells a channel as it is known.
            validated: tells the newest validated ledger.
            ledgers: for how many ledgers a person has time.
            tell: tells people that a channel waits for them, and until which ledger.
        """
        self.accounts = frozenset(keys)
        self._keys = keys
        self._share = share
        self._store = store
        self._entry_of = entry_of
        self._validated = validated
        self._ledgers = ledgers
        self._tell = tell

    async def wait_for(self, transaction: Mapping[str, Any], signers: SignerList) -> None:
        """Have persons asked for ``transaction``, unless they are, or could not complete it.

        Raises:
            StoreError: it could not be written down.
            KeyMissingError: our own part has no key.
        """
        listed = {account for account, _ in signers.signers} & self.accounts
        channel = ChannelId(transaction["Channel"])
        entry, validated = self._entry_of(channel), self._validated()
        if entry is None or validated is None:
            return
        if most_signatures({self._share.account, *listed}, signers) is None:
            return
        async with self._store.read() as work:
            waiting = _read(await work.cosignatures.waiting())
            attempts = await work.attempts.for_channel(channel)
        if any(_completes(attempt, transaction, validated) for attempt in attempts):
            # Completed a moment ago, and not taken up yet.
            return
        good = {name: one for name, one in waiting.items() if one.last_ledger > validated}
        asked = next((one for one in good.values() if _is_same(one, transaction)), None)
        if asked is None:
            asked = await self._made(transaction, signers, entry, validated, listed)
            await self._put(asked, good)
        self._tell(channel, asked.last_ledger)

    async def _made(
        self,
        transaction: Mapping[str, Any],
        signers: SignerList,
        entry: ChannelEntry,
        validated: LedgerIndex,
        listed: frozenset[Address] | set[Address],
    ) -> Waiting:
        lasting = {**transaction, "LastLedgerSequence": validated + self._ledgers}
        (mine,) = await self._share.sign([lasting])
        name = sha256(to_multisign(lasting, self._share.account)).hexdigest()[:_NAME]
        request = PersonalRequest(
            identity=name,
            signers=sorted(listed),
            transaction=lasting,
            channel=ChannelMessage(
                source=entry.source,
                destination=entry.destination,
                amount=entry.amount,
                balance=entry.balance,
                public_key=entry.public_key,
            ),
            validated=validated,
        )
        return Waiting(
            request=request,
            quorum=signers.quorum,
            weights=list(signers.signers),
            persons={account: self._keys[account] for account in sorted(listed)},
            given=[(mine.account, mine.public_key, mine.signature)],
        )

    async def _put(self, asked: Waiting, good: Mapping[str, Waiting]) -> None:
        """Write a request down, in place of what waited for the same channel, or has lapsed."""
        others = {name: one for name, one in good.items() if one.channel != asked.channel}
        kept = {**others, asked.request.identity: asked}
        facts = {"request": asked.request.identity, "last_ledger": asked.last_ledger}
        async with self._store.write() as work:
            await work.cosignatures.put_waiting(
                {name: msgspec.to_builtins(one) for name, one in kept.items()}
            )
            await work.journal.append(
                "cosign_waits",
                channel=asked.channel,
                ledger_index=LedgerIndex(asked.request.validated),
                facts=facts,
            )


async def waiting_requests(store: Store) -> list[Waiting]:
    """Return what waits for persons and is not paid meanwhile, the most pressing first."""
    async with store.read() as work:
        found = _read(await work.cosignatures.waiting())
        channels = await work.channels.find([one.channel for one in found.values()])
    unpaid = [one for one in found.values() if not _is_paid(one, channels.get(one.channel))]
    return sorted(unpaid, key=lambda one: (one.last_ledger, one.request.identity))


async def take_answer(store: Store, answer: PersonalAnswer) -> Attempt | None:
    """Take a person's answer in; return the attempt if it completes one, and None if it does not.

    Raises:
        CosignFormatError: nothing waits for it, or it does not sign what waits.
        StoreError: it could not be written down.
    """
    async with store.write() as work:
        waiting = _read(await work.cosignatures.waiting())
        asked = waiting.get(answer.identity)
        if asked is None:
            raise CosignFormatError(why=f"no request {answer.identity!r} waits here (any more)")
        signed = asked.signed_by(_checked(asked, answer))
        done = signed.complete()
        left = {name: one for name, one in waiting.items() if name != answer.identity}
        facts = {"request": answer.identity, "signer": answer.account}
        attempt = None
        if done is None:
            left[answer.identity] = signed
        else:
            attempt = _attempt(signed, done)
            await work.attempts.put(attempt)
            facts["transaction"] = attempt.transaction
        await work.cosignatures.put_waiting(
            {name: msgspec.to_builtins(one) for name, one in left.items()}
        )
        await work.journal.append(COSIGN_ANSWERED, channel=asked.channel, facts=facts)
    return attempt


def _checked(asked: Waiting, answer: PersonalAnswer) -> Cosignature:
    """Return the signature, if it is one of a person who may sign, under what waits."""
    if asked.persons.get(answer.account) != answer.public_key:
        why = "it is from nobody who may sign here, or by another key than is configured"
        raise CosignFormatError(why=why)
    given = Cosignature(
        account=Address(answer.account),
        public_key=answer.public_key,
        signature=answer.signature,
    )
    signed = verified(asked.request.transaction, given)
    if signed is None:
        raise CosignFormatError(why="its signature is not of the transaction that waits")
    return signed


def _attempt(signed: Waiting, done: MultiSigned) -> Attempt:
    fields = signed.request.transaction
    return Attempt(
        channel=signed.channel,
        account=Address(str(fields["Account"])),
        seat=seat_of(fields),
        target=Drops(int(fields["Balance"])),
        balance_before=Drops(signed.request.channel.balance),
        fee=Drops(int(fields["Fee"])),
        last_ledger=signed.last_ledger,
        made_in=LedgerIndex(signed.request.validated),
        transaction=done.transaction,
        blob=done.blob,
        fee_units=1 + len(signed.given),
        by=Right.SIGNER_LIST.value,
    )


def _is_same(one: Waiting, transaction: Mapping[str, Any]) -> bool:
    """Return whether a request that waits would do what ``transaction`` does, on the same seat."""
    mine = one.request.transaction
    names = ("Channel", "Account", "Amount", "Balance", "Sequence", "TicketSequence")
    return all(mine.get(name) == transaction.get(name) for name in names)


def _completes(attempt: Attempt, transaction: Mapping[str, Any], validated: LedgerIndex) -> bool:
    """Return whether an attempt on its way does what ``transaction`` does, on the same seat."""
    return (
        attempt.outcome is None
        and attempt.last_ledger > validated
        and attempt.seat == seat_of(transaction)
        and attempt.target >= int(transaction["Balance"])
    )


def _is_paid(one: Waiting, channel: Channel | None) -> bool:
    target = int(one.request.transaction["Balance"])
    return channel is not None and (channel.is_final or channel.entry.balance >= target)


def _read(found: Mapping[str, Any]) -> dict[str, Waiting]:
    return msgspec.convert(found, dict[str, Waiting])
