"""What the acts of a script do to the rights by which a payee is redeemed for."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any, Final

from simulation.founding import named, permission, signer_list
from simulation.holders import LATER, PAYEE, REGULAR, THIEF, TOWER
from simulation.host import PASSPHRASE
from simulation.land import payer
from simulation.offline import sign_ahead
from simulation.rights import (
    BurnTicket,
    CosignerIll,
    DisableMaster,
    KeyLost,
    ListSigners,
    NameKey,
    Permit,
    Presign,
    Rotate,
    SpendOwn,
    Theft,
    Thieve,
)
from simulation.rotating import Rotating
from simulation.script import Act
from simulation.world import World
from watchtower.errors import WatchtowerError
from watchtower.keys.vault import Algorithm, Vault
from watchtower.sandbox.hashing import account_index
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.units import DROPS_PER_XRP, Drops

__all__ = ["do_to_rights"]

_DISABLE_MASTER: Final = 4
"""asfDisableMaster."""

_TF_CLOSE: Final = 0x00020000
_FEE: Final = 10
_LEFT: Final = 3 * DROPS_PER_XRP
"""What a thief of money leaves behind: it pays nothing into the reserve's place."""

_AGAIN: Final = 3.0
_TRIES: Final = 20


def do_to_rights(world: World, act: Act) -> None:
    """Do what an act says, to what there is of it."""
    match act:
        case Presign():
            world.begin(asyncio.create_task(sign_ahead(world.host, world.mandate, world.tell)))
        case BurnTicket():
            _burn_tickets(world, act)
        case KeyLost():
            _count(world, "key_lost")
            world.begin(asyncio.create_task(_lose_key(world)))
            if act.ledgers is not None:
                world.later(act.ledgers, partial(_find_key, world))
        case CosignerIll():
            _count(world, act.ill.value)
            world.company.ill[act.cosigner] = act.ill
            world.later(act.ledgers, partial(_heal_cosigner, world, act.cosigner))
        case Rotate():
            _count(world, "key_rotated")
            new = next(one for one in LATER if one.address not in world.mandate.named)
            world.mandate.named.add(new.address)
            rotating = Rotating(world.host, world.mandate, act, new, world.tell)
            world.rotating.append(rotating)
            world.begin_for_ever(asyncio.create_task(rotating.run()))
        case Thieve():
            _count(world, "stolen_key_used")
            _answer(world, _thieve(world, act))
        case _:
            _answer(world, _by_owner(world, act))


def _count(world: World, kind: str) -> None:
    world.faults[kind] += 1


def _answer(world: World, result: str) -> None:
    world.tell(f"  which the open ledger answers with {result or 'nothing'}")


def _by_owner(world: World, act: Act) -> str:
    """Do what the payee's own wallet does, or who stole the tower's account."""
    land = world.land
    match act:
        case NameKey():
            return land.apply(PAYEE, **named(REGULAR))
        case DisableMaster():
            _count(world, "master_disabled")
            return land.apply(PAYEE, TransactionType="AccountSet", SetFlag=_DISABLE_MASTER)
        case Permit():
            _count(world, "permission_given" if act.permits else "permission_revoked")
            return land.apply(PAYEE, **permission(permits=act.permits))
        case ListSigners():
            _count(world, "signer_list_changed")
            return land.apply(PAYEE, **signer_list(is_there=act.is_there))
        case SpendOwn():
            _count(world, "own_money_spent")
            balance = int((land.raw(account_index(TOWER.address)) or {}).get("Balance", 0))
            fee = str(max(_FEE, balance - act.left))
            return land.apply(TOWER, TransactionType="AccountSet", Fee=fee)
        case _:
            raise AssertionError(act)


def _burn_tickets(world: World, act: BurnTicket) -> None:
    channel = world.land.channels.get(act.channel)
    tickets = [] if channel is None else world.mandate.tickets_of(channel)
    for number in tickets[: act.count]:
        _count(world, "tickets_burnt")
        _answer(world, _use_ticket(world, number, PAYEE))


def _use_ticket(world: World, number: int, by: Person) -> str:
    return world.land.apply(
        PAYEE, signed_by=by, TransactionType="AccountSet", TicketSequence=number
    )


def _heal_cosigner(world: World, cosigner: int) -> None:
    world.tell(f"co-signer {cosigner} is well again")
    world.company.ill.pop(cosigner, None)


def _thieve(world: World, act: Thieve) -> str:
    """Do what a thief does with the stolen key, or with its own once it has named that."""
    land = world.land
    is_own = world.mandate.root().get("RegularKey") == THIEF.address
    thief = THIEF if is_own else REGULAR
    more: dict[str, Any] = {}
    if act.as_delegate:
        thief, more = TOWER, {"Delegate": TOWER.address}
    channel = land.channels.get(act.channel)
    raw = None if channel is None else land.raw(channel)
    match act.what:
        case Theft.REDEEM if raw is not None and channel is not None:
            promised = world.publisher.promises.get(channel, ())
            best = max((promise.drops for promise in promised), default=0)
            drops = Drops(int(min(best, int(raw["Amount"])) * act.share))
            person = payer(world.script.channels[act.channel].payer)
            if drops <= int(raw["Balance"]):
                return ""
            return land.apply(
                PAYEE,
                signed_by=thief,
                TransactionType="PaymentChannelClaim",
                Channel=channel,
                Balance=str(drops),
                Amount=str(drops),
                PublicKey=person.public_key,
                Signature=person.sign_claim(channel, drops),
                **more,
            )
        case Theft.CLOSE if raw is not None:
            return land.apply(
                PAYEE,
                signed_by=thief,
                TransactionType="PaymentChannelClaim",
                Channel=channel,
                Flags=_TF_CLOSE,
                **more,
            )
        case Theft.SEQUENCE:
            return land.apply(PAYEE, signed_by=thief, TransactionType="AccountSet")
        case Theft.TICKET:
            tickets = [] if channel is None else world.mandate.tickets_of(channel)
            return _use_ticket(world, tickets[0], thief) if tickets else ""
        case Theft.NAME_KEY:
            return land.apply(PAYEE, signed_by=thief, **named(THIEF))
        case Theft.DRAIN:
            balance = int(world.mandate.root()["Balance"])
            spare = balance - land.reserve(PAYEE.address) - _LEFT
            amount = {"Amount": str(spare), "Destination": payer(0).address}
            if spare <= 0:
                return ""
            return land.apply(PAYEE, signed_by=thief, TransactionType="Payment", **amount)
        case _:
            return ""


async def _lose_key(world: World) -> None:
    """Have somebody remove the payee's key from the store."""
    for _ in range(_TRIES):
        try:
            async with await _open(world) as store:
                card = await Vault(store).remove(PAYEE.address)
        except WatchtowerError as failure:
            world.tell(f"the key stays: {failure}")
            await asyncio.sleep(_AGAIN)
            continue
        world.mandate.held.clear()
        world.tell(f"the key {card.public_key[:8]} is lost")
        world.note()
        return


def _find_key(world: World) -> None:
    world.begin(asyncio.create_task(_import_key(world)))


async def _import_key(world: World) -> None:
    """Have somebody import the payee's key again."""
    holds = world.script.entitled.holds
    person = PAYEE if holds == "master" else REGULAR
    for _ in range(_TRIES):
        if world.mandate.held:
            return
        try:
            async with await _open(world) as store:
                await Vault(store).import_seed(
                    PAYEE.address,
                    person.seed,
                    algorithm=Algorithm.SECP256K1,
                    regular_key=person is not PAYEE,
                )
        except WatchtowerError as failure:
            world.tell(f"the key was not imported: {failure}")
            await asyncio.sleep(_AGAIN)
            continue
        world.mandate.held.add(person.address)
        world.tell("the key is found again")
        world.note()
        return


async def _open(world: World) -> Store:
    path = Path(world.host.settings.store)
    return await Store.open(path, PASSPHRASE, patience=1.0, driver=world.host.driver())
