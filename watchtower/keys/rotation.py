"""Rotating an account's regular key, as a state machine: where a rotation stands, and what is next.

Pure. What is next follows from two things alone: what the store says of the rotation, and what a
validated ledger says of the account. So a rotation that was killed anywhere goes on from there,
and one that somebody else has finished, or has overtaken, is seen to be so::

    PENDING ──────► SIGNED ────► VALIDATED ──► DONE
       └─► HANDED_OVER ─────────────┘

The new key is on disk before anything else, and the old one stays until the ledger has named the
new one and the new one was proven to work. An engine result counts for nothing: a rotation is
validated when the ``RegularKey`` of the account's root in a validated ledger is the new key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from watchtower.units import Address, LedgerIndex, TxHash

__all__ = [
    "Appointment",
    "NextStep",
    "Rotation",
    "Seen",
    "Stage",
    "may_still_apply",
    "next_step",
    "why_not_appoint",
]


class Stage(StrEnum):
    """How far a rotation has come. Values are stored: never rename or reuse one."""

    PENDING = "pending"  # the new key is kept here, and nothing else has happened
    HANDED_OVER = "handed_over"  # the owner's wallet is to sign and send the SetRegularKey
    SIGNED = "signed"  # the SetRegularKey is signed and on disk, and may have left
    VALIDATED = "validated"  # a validated ledger named the new key
    DONE = "done"  # the new key is the one that signs


class NextStep(Enum):
    """What is to be done about a rotation now."""

    SIGN = "sign the SetRegularKey, write it down, then send it"
    SEND = "send the SetRegularKey again"
    WAIT_FOR_SERVERS = "wait until the servers agree about the account's regular key"
    WAIT_FOR_OWNER = "wait until the owner's wallet has sent it"
    NOTE_VALIDATED = "write down that a validated ledger names the new key"
    CONCLUDE = "prove that the new key works, and make it the one that signs"
    STOP = "nothing: a validated ledger named the new key, and another one was named since"
    NOTHING = "nothing: it is done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A signed ``SetRegularKey``: its blob (upper-case hex), sequence and last ledger."""

    transaction: TxHash
    blob: str
    sequence: int
    last_ledger: LedgerIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One rotation.

    Attributes:
        account: whose regular key changes.
        new_key: the public key that is to sign, upper-case hex.
        new_address: the address that it makes, which ``RegularKey`` is to name.
        replaced: the regular key that the ledger named when it began; None if there was none.
        stage: how far it has come.
        appointment: the ``SetRegularKey`` that was signed last, if any was signed here.
        named_in: the validated ledger in which the new key was first seen as the regular key.
    """

    account: Address
    new_key: str
    new_address: Address
    replaced: Address | None = None
    stage: Stage = Stage.PENDING
    appointment: Appointment | None = None
    named_in: LedgerIndex | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything left to be done."""
        return self.stage is not Stage.DONE

    def handed_over(self) -> Rotation:
        """Return it once the owner's wallet has been told what to sign."""
        return replace(self, stage=Stage.HANDED_OVER)

    def signed(self, appointment: Appointment) -> Rotation:
        """Return it with a ``SetRegularKey`` that may leave now."""
        return replace(self, stage=Stage.SIGNED, appointment=appointment)

    def validated(self, named_in: LedgerIndex) -> Rotation:
        """Return it once a validated ledger names the new key."""
        return replace(self, stage=Stage.VALIDATED, named_in=named_in)

    def done(self) -> Rotation:
        """Return it at its end."""
        return replace(self, stage=Stage.DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a validated ledger says of an account; ``sequence`` is the next one.

    ``is_contradicted``: servers differ about the regular key, and this is one of their words.
    """

    ledger_index: LedgerIndex
    regular_key: Address | None
    sequence: int
    is_master_disabled: bool = False
    is_contradicted: bool = False


def next_step(rotation: Rotation, seen: Seen) -> NextStep:
    """Return what is to be done now."""
    if rotation.stage is Stage.DONE:
        return NextStep.NOTHING
    if seen.is_contradicted:
        # One of them lies, or has not come as far as the others: nothing is concluded from it.
        again = may_still_apply(rotation, seen)
        return NextStep.SEND if again else NextStep.WAIT_FOR_SERVERS
    is_named = seen.regular_key == rotation.new_address
    if rotation.stage is Stage.VALIDATED:
        return NextStep.CONCLUDE if is_named else NextStep.STOP
    if is_named:
        return NextStep.NOTE_VALIDATED
    if rotation.stage is Stage.HANDED_OVER:
        return NextStep.WAIT_FOR_OWNER
    return NextStep.SEND if may_still_apply(rotation, seen) else NextStep.SIGN


def may_still_apply(rotation: Rotation, seen: Seen) -> bool:
    """Return whether a ``SetRegularKey`` that was signed here can be in a ledger to come.

    Not behind its last ledger, nor once its sequence is used: it was, or something else took it.
    """
    signed = rotation.appointment
    return (
        rotation.stage is Stage.SIGNED
        and signed is not None
        and seen.ledger_index < signed.last_ledger
        and seen.sequence <= signed.sequence
    )


def why_not_appoint(signer: Address, account: Address, seen: Seen) -> str | None:
    """Return why a key may not sign the account's ``SetRegularKey``; None if it may.

    ``signer`` is the address that the key makes. The master key may unless it was disabled, and
    so may the regular key (rippled Transactor.cpp, checkSingleSign).
    """
    if signer == seen.regular_key:
        return None
    if signer != account:
        return f"the seed makes {signer}, which is neither its master key nor its regular key"
    if seen.is_master_disabled:
        return "its master key was disabled, so another key has to sign"
    return None
