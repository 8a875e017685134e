"""Carrying out a rotation: the shell of ``rotation.py``.

What it guarantees:

- Every step is on disk before it is acted on, in one transaction each: killed anywhere, the next
  one goes on from there, and nothing is done twice that must not be.
- The old key is given up in the transaction that makes the new one sign, and that one is written
  only when a validated ledger names the new key, and the new key has signed something that was
  read back and verified against that very address.
- The one thing that is signed here is a ``SetRegularKey`` that names the new key. Whose key signs
  it is the caller's to say; the signer of the daemon never does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from watchtower.errors import RotationError
from watchtower.keys.appointment import address_of, prove, set_regular_key
from watchtower.keys.rotation import (
    Appointment,
    NextStep,
    Rotation,
    Seen,
    may_still_apply,
    next_step,
    why_not_appoint,
)
from watchtower.keys.signer import SigningKey, signed_with
from watchtower.store.database import Store
from watchtower.store.secrets import Standing, StoredKey
from watchtower.store.work import Work
from watchtower.units import Address, Drops, LedgerIndex

__all__ = ["Bundles", "Ledger", "OwnerKey", "Rotator", "Terms"]

_MOST_SIGNED: Final = 3
"""How many SetRegularKeys one run signs: each lapsed, or lost its sequence to something else."""

OwnerKey = Callable[[], Awaitable[SigningKey]]
"""Fetches the key that signs the SetRegularKey; it may ask a person, so only when it is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a transaction is made with now; ``fee`` is what enters the open ledger at once."""

    fee: Drops
    sequence: int
    last_ledger: LedgerIndex
    network_id: int


class Ledger(Protocol):
    """What a rotation needs of the ledger."""

    async def look(self, account: Address) -> Seen:
        """Return what a validated ledger says of ``account``, by the word of two servers."""
        ...

    async def terms(self, account: Address) -> Terms:
        """Return what the account's next transaction is made with."""
        ...

    async def submit(self, blob: str) -> str:
        """Send a signed transaction to every server; what they answer, in words, is no proof."""
        ...

    async def pause(self, seen: Seen, /) -> None:
        """Wait until there may be more to see than ``seen``."""
        ...


class Bundles(Protocol):
    """Who knows of pre-signed transactions."""

    async def signed_by(self, account: Address, signer: Address) -> Sequence[str]:
        """Return the bundles of ``account`` that were signed with the key of address ``signer``."""
        ...


class _NoBundles:
    async def signed_by(self, _account: Address, _signer: Address) -> Sequence[str]:
        return ()


class Rotator:
    """Rotates the keys of one store."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        *,
        fee_cap: Drops,
        bundles: Bundles | None = None,
        tell: Callable[[Rotation, NextStep], None] = lambda _rotation, _step: None,
    ) -> None:
        """Rotate keys in ``store``, by what ``ledger`` says.

        Args:
            store: where keys and rotations are.
            ledger: what the account looks like, and the way to it.
            fee_cap: the most drops that the SetRegularKey may cost.
            bundles: who knows which pre-signed transactions a rotation kills.
            tell: called with a rotation and what is to be done about it, before it is done.
        """
        self._store = store
        self._ledger = ledger
        self._fee_cap = fee_cap
        self._bundles = bundles or _NoBundles()
        self._tell = tell
        self._answered = "no server answered"

    async def check_owner(self, account: Address, key: SigningKey) -> None:
        """See that the ledger would take a SetRegularKey of ``account`` that ``key`` signs.

        Raises:
            RotationError: it would not.
            LedgerError: no server told of the account.
        """
        why_not = why_not_appoint(address_of(key), account, await self._ledger.look(account))
        if why_not is not None:
            raise RotationError(account=account, why=why_not)

    async def begin(self, new: StoredKey) -> Rotation:
        """Write down that ``new`` is to sign for its account, and keep it beside the one that does.

        Raises:
            RotationError: one is under way, or the ledger would refuse the key.
            LedgerError: no server told of the account.
        """
        account, address = new.account, address_of(new)
        seen = await self._agreed(account)
        if address == account:
            why = "the new key is its master key, which the ledger refuses as a regular key"
            raise RotationError(account=account, why=why)
        if address == seen.regular_key:
            raise RotationError(account=account, why="the new key is its regular key already")
        rotation = Rotation(
            account=account,
            new_key=new.public_key,
            new_address=address,
            replaced=seen.regular_key,
        )
        async with self._store.write() as work:
            known = await work.rotations.get(account)
            if known is not None and known.is_under_way:
                why = "another rotation is under way; go on with --resume, or give it up"
                raise RotationError(account=account, why=f"{why} with --abandon")
            await work.secrets.put(replace(new, standing=Standing.NEXT, is_regular_key=True))
            await _write(work, rotation, "rotation_begun", seen.ledger_index)
        return rotation

    async def hand_over(self, account: Address) -> dict[str, Any]:
        """Return the unsigned SetRegularKey for the owner's wallet, and write that down first.

        Fee and sequence are the wallet's to fill in: it may be sent much later.

        Raises:
            RotationError: one that was signed here may still be in a ledger to come.
        """
        rotation = await self._under_way(account)
        seen = await self._ledger.look(account)
        if may_still_apply(rotation, seen):
            why = "the SetRegularKey that was signed here may still be validated; --resume waits"
            raise RotationError(account=account, why=why)
        network_id = (await self._ledger.terms(account)).network_id
        async with self._store.write() as work:
            await _is_still(work, rotation)
            await _write(work, rotation.handed_over(), "rotation_handed_over", seen.ledger_index)
        return set_regular_key(account, rotation.new_address, network_id)

    async def carry_on(self, account: Address, owner: OwnerKey | None = None) -> Rotation:
        """Do what is left of a rotation, and return it once it is done.

        Raises:
            RotationError: it cannot go on now; it stays where it is.
            LedgerError: no server told what is needed.
            StoreError: a step could not be written down, so nothing of it was done.
        """
        rotation = await self._under_way(account)
        times_signed = 0
        while rotation.is_under_way:
            seen = await self._ledger.look(account)
            step = next_step(rotation, seen)
            if step is NextStep.WAIT_FOR_OWNER and owner is not None:
                step = NextStep.SIGN
            times_signed += step is NextStep.SIGN
            if times_signed > _MOST_SIGNED:
                why = f"{_MOST_SIGNED} SetRegularKeys came to nothing ({self._answered})"
                raise RotationError(account=account, why=f"{why}; go on with --resume")
            self._tell(rotation, step)
            rotation = await self._do(step, rotation, seen, owner)
        return rotation

    async def abandon(self, account: Address) -> Rotation:
        """Give a rotation up: forget the new key, unless the ledger has it, or may still get it.

        Raises:
            RotationError: it has, or may.
        """
        rotation = await self._under_way(account)
        seen = await self._agreed(account)
        if seen.regular_key == rotation.new_address:
            why = "a validated ledger names the new key already, so it is not given up"
            raise RotationError(account=account, why=f"{why}; finish with --resume")
        if may_still_apply(rotation, seen):
            why = "the SetRegularKey that was signed may still be validated"
            raise RotationError(account=account, why=f"{why}; try again in a minute")
        async with self._store.write() as work:
            await _is_still(work, rotation)
            new = await work.secrets.get(account, Standing.NEXT)
            if new is not None:
                await work.secrets.remove(new)
            await work.rotations.drop(account)
            facts = {"account": account, "public_key": rotation.new_key, "why": "abandoned"}
            await work.journal.append("key_retired", facts=facts)
        return rotation

    async def killed_by(self, rotation: Rotation) -> Sequence[str]:
        """Return the pre-signed bundles that a rotation kills: those of the key it replaces."""
        if rotation.replaced is None:
            return ()
        return await self._bundles.signed_by(rotation.account, rotation.replaced)

    async def _do(
        self, step: NextStep, rotation: Rotation, seen: Seen, owner: OwnerKey | None
    ) -> Rotation:
        match step:
            case NextStep.SIGN:
                return await self._sign(rotation, seen, owner)
            case NextStep.SEND if rotation.appointment is not None:
                self._answered = await self._ledger.submit(rotation.appointment.blob)
                await self._ledger.pause(seen)
            case NextStep.NOTE_VALIDATED:
                named = rotation.validated(seen.ledger_index)
                async with self._store.write() as work:
                    await _is_still(work, rotation)
                    await _write(work, named, "rotation_validated", seen.ledger_index)
                return named
            case NextStep.CONCLUDE:
                return await self._conclude(rotation, seen)
            case NextStep.STOP:
                why = (
                    f"ledger {rotation.named_in} named the new key, and now "
                    f"{seen.regular_key or 'no key'} is its regular key; who changed it?"
                )
                raise RotationError(account=rotation.account, why=why)
            case _:
                await self._ledger.pause(seen)
        return rotation

    async def _sign(self, rotation: Rotation, seen: Seen, owner: OwnerKey | None) -> Rotation:
        """Have the owner's key name the new one, and write that down; it is sent from there on."""
        account = rotation.account
        if owner is None:
            why = "the SetRegularKey is not signed yet; give --seed-file, or --write FILE"
            raise RotationError(account=account, why=why)
        key = await owner()
        why_not = why_not_appoint(address_of(key), account, seen)
        if why_not is not None:
            raise RotationError(account=account, why=why_not)
        terms = await self._ledger.terms(account)
        if terms.fee > self._fee_cap:
            why = f"it would cost {terms.fee} drops now, and the cap is {self._fee_cap}"
            raise RotationError(account=account, why=why)
        transaction = {
            **set_regular_key(account, rotation.new_address, terms.network_id),
            "Fee": str(terms.fee),
            "Sequence": terms.sequence,
            "LastLedgerSequence": terms.last_ledger,
        }
        result = await signed_with(key, transaction)
        appointed = rotation.signed(
            Appointment(
                transaction=result.transaction,
                blob=result.blob,
                sequence=terms.sequence,
                last_ledger=terms.last_ledger,
            )
        )
        async with self._store.write() as work:
            await _is_still(work, rotation)
            await _write(work, appointed, "rotation_signed", seen.ledger_index)
        return appointed

    async def _conclude(self, rotation: Rotation, seen: Seen) -> Rotation:
        """Prove the new key, and make it the one that signs; a master key is put aside."""
        account, done = rotation.account, rotation.done()
        killed = await self.killed_by(rotation)
        async with self._store.write() as work:
            await _is_still(work, rotation)
            new = await work.secrets.get(account, Standing.NEXT)
            if new is None:
                why = "the new key is not in the store; restore the backup that has it"
                raise RotationError(account=account, why=why)
            await prove(new, rotation, seen)
            old = await work.secrets.get(account)
            if old is not None and address_of(old) == account:
                # Nobody knows whether its seed is kept elsewhere: a person retires it.
                await work.secrets.put(replace(old, standing=Standing.FORMER))
            await work.secrets.put(replace(new, standing=Standing.SIGNS))
            await work.secrets.remove(new)
            await _write(work, done, "key_rotated", seen.ledger_index, killed_bundles=list(killed))
        return done

    async def _agreed(self, account: Address) -> Seen:
        """Look at an account of whose regular key all servers say the same.

        Raises:
            RotationError: they do not.
        """
        seen = await self._ledger.look(account)
        if seen.is_contradicted:
            why = "the servers contradict each other about its regular key; try again in a minute"
            raise RotationError(account=account, why=why)
        return seen

    async def _under_way(self, account: Address) -> Rotation:
        async with self._store.read() as work:
            rotation = await work.rotations.get(account)
        if rotation is None or not rotation.is_under_way:
            raise RotationError(account=account, why="no rotation of it is under way")
        return rotation


async def _is_still(work: Work, rotation: Rotation) -> None:
    """See that nobody else has gone on with a rotation since it was read.

    Raises:
        RotationError: somebody has.
    """
    if await work.rotations.get(rotation.account) != rotation:
        why = "another process went on with it meanwhile; look again with --resume"
        raise RotationError(account=rotation.account, why=why)


async def _write(
    work: Work, rotation: Rotation, kind: str, ledger_index: LedgerIndex, **more: object
) -> None:
    await work.rotations.put(rotation)
    facts: dict[str, object] = {
        "account": rotation.account,
        "public_key": rotation.new_key,
        "regular_key": rotation.new_address,
        **more,
    }
    if rotation.appointment is not None and kind == "rotation_signed":
        facts["transaction"] = rotation.appointment.transaction
        facts["last_ledger"] = rotation.appointment.last_ledger
    await work.journal.append(kind, ledger_index=ledger_index, facts=facts)
