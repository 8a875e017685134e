"""The ledger of a world and the people on it: what they do enters the open ledger, and closes.

What people do is done as other servers' clients do it: every validator has heard of it, so it is
in the next ledger whatever the tower's own servers are up to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from simulation.holders import PAYEE
from simulation.oracle import Entry
from simulation.script import ChannelPlan, Script
from watchtower.sandbox.bystanders import StripAt, UseAt
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import account_index, channel_index
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.transaction import parse_json
from watchtower.units import DROPS_PER_XRP, ChannelId, Drops

__all__ = ["Land", "payer"]

_TF_RENEW: Final = 0x00010000
_TF_CLOSE: Final = 0x00020000
_FEE: Final = 10
_RICHES: Final = 50_000_000 * DROPS_PER_XRP
_MEANS: Final = 10_000 * DROPS_PER_XRP


@cache
def payer(number: int) -> Person:
    """Return one of those who pay; some sign with ed25519."""
    return Person.named(f"a payer of many faces {number}", ed25519=not number % 3)


class Land:
    """The ledger, its servers and its people.

    ``channels`` are those of the script, by number, as they are opened; ``finals`` what each of
    them had paid when it was seen last.
    """

    def __init__(self, script: Script) -> None:
        """Found everything, and fund everybody."""
        rules = Rules(amendments=DEFAULT_AMENDMENTS | script.rules)
        self._pace = Pace(clock=Clock.FROZEN, start=820_540_800, step=4, interval=None)
        queue = QueueSettings(**script.queue)
        self.network = Network(rules, self._pace, queue, script.seed)
        first = Node(self.network)
        self.nodes = [first, *(first.add_server() for _ in range(script.servers - 1))]
        self.channels: dict[int, ChannelId] = {}
        self.finals: dict[str, int] = {}
        self._script = script
        self._reapers: dict[str, int] = {}
        self._payers: dict[str, Person] = {}
        for person in (PAYEE, *(payer(n) for n in sorted({c.payer for c in script.channels}))):
            means = _MEANS if person is PAYEE else _RICHES
            self.apply(
                RICH, TransactionType="Payment", Destination=person.address, Amount=str(means)
            )
        self.close(4)

    @property
    def now(self) -> int:
        """The close time of the last ledger."""
        return self.network.chain.validated.close_time

    @property
    def index(self) -> int:
        """The index of the last ledger."""
        return self.network.chain.validated.index

    def close(self, seconds: int) -> ClosedLedger:
        """Close the open ledger, so many seconds after the last one."""
        self._reap()
        self.network.pace = replace(self._pace, step=max(1, seconds))
        ledger = self.network.accept()
        self._look_for_ends(ledger)
        return ledger

    def apply(self, person: Person, signed_by: Person | None = None, **fields: Any) -> str:
        """Put a transaction into the open ledger; return its engine result.

        It is signed with the person's own key, unless by somebody else's.
        """
        is_on_ticket = "TicketSequence" in fields
        sequence = self.network.submissions.next_sequence(person.address) or 0
        unsigned = {
            "Account": person.address,
            "Fee": str(_FEE),
            "Sequence": 0 if is_on_ticket else sequence,
            **fields,
        }
        signed = (signed_by or person).sign_transaction(unsigned)
        return self.network.chain.apply_open(parse_json(signed)).result

    def open_channel(self, number: int, plan: ChannelPlan) -> ChannelId:
        """Have the payer of a plan open its channel."""
        person = payer(plan.payer)
        sequence = self.network.submissions.next_sequence(person.address) or 0
        ends: dict[str, Any] = {} if plan.lasts is None else {"CancelAfter": self.now + plan.lasts}
        self.apply(
            person,
            TransactionType="PaymentChannelCreate",
            Destination=PAYEE.address,
            Amount=str(plan.amount),
            SettleDelay=plan.settle_delay,
            PublicKey=person.public_key,
            **ends,
        )
        channel = ChannelId(channel_index(person.address, PAYEE.address, sequence))
        self.channels[number] = channel
        self._payers[channel] = person
        if plan.reaps:
            self._reapers[channel] = plan.payer
        return channel

    def payer_of(self, channel: str) -> Person:
        """Return who signs the claims of a channel that was opened here."""
        return self._payers[channel]

    def claim(self, number: int, *, flags: int = 0, **fields: Any) -> str:
        """Have the payer of a channel make a claim on it."""
        if flags:
            fields["Flags"] = flags
        return self.apply(
            payer(self._script.channels[number].payer),
            TransactionType="PaymentChannelClaim",
            Channel=self.channels[number],
            **fields,
        )

    def ask_to_close(self, number: int) -> str:
        """Have the payer ask to close."""
        return self.claim(number, flags=_TF_CLOSE)

    def renew(self, number: int) -> str:
        """Have the payer take its close request back."""
        return self.claim(number, flags=_TF_RENEW)

    def fund(self, number: int, drops: int, expiration: int | None = None) -> str:
        """Have the payer add funds, and set an Expiration if there is one."""
        more: dict[str, Any] = {} if expiration is None else {"Expiration": expiration}
        return self.apply(
            payer(self._script.channels[number].payer),
            TransactionType="PaymentChannelFund",
            Channel=self.channels[number],
            Amount=str(drops),
            **more,
        )

    def redeem_elsewhere(self, number: int, drops: int) -> str:
        """Have the payee's own wallet redeem a claim of so many drops."""
        person = payer(self._script.channels[number].payer)
        channel = self.channels[number]
        return self.apply(
            PAYEE,
            TransactionType="PaymentChannelClaim",
            Channel=channel,
            Balance=str(drops),
            Amount=str(drops),
            PublicKey=person.public_key,
            Signature=person.sign_claim(channel, Drops(drops)),
        )

    def use_sequence(self, *, before_the_tower: bool) -> None:
        """Have the payee's own wallet use its next sequence, now or just before the tower does."""
        at: UseAt = "submission" if before_the_tower else "now"
        self.nodes[0].bystanders.use_sequence(PAYEE.seed, 1, at)

    def strip_signatures(self, count: int, *, at_close: bool = False) -> None:
        """Have the next claims copied without their Signature; none where ``count`` is 0."""
        at: StripAt = "close" if at_close else "submission"
        self.nodes[0].bystanders.strip_signatures(count, at)

    def fill(self, payments: int, fee: int) -> None:
        """Have strangers make so many payments in each ledger from now on, at such a fee."""
        self.nodes[0].bystanders.fill(payments, fee)

    def reserve(self, address: str) -> int:
        """Return the drops that an account has to keep."""
        root = self.raw(account_index(address)) or {}
        return self.network.rules.reserve(int(root.get("OwnerCount", 0)))

    def raw(self, index: str) -> Mapping[str, Any] | None:
        """Return an entry, by its index, as the last ledger left it; a channel's is its id."""
        return self.network.chain.history.snapshot(self.index).read(index)

    def entries(self) -> dict[str, Entry | None]:
        """Return every channel's entry as the last ledger left it, in the oracle's words."""
        found: dict[str, Entry | None] = {}
        for channel in self.channels.values():
            raw = self.raw(channel)
            if raw is None:
                found[channel] = None
                continue
            self.finals[channel] = int(raw["Balance"])
            found[channel] = Entry(
                amount=int(raw["Amount"]),
                balance=int(raw["Balance"]),
                expiration=raw.get("Expiration"),
                cancel_after=raw.get("CancelAfter"),
            )
        return found

    def ends(self) -> list[int]:
        """Return when those channels end of which it is known, ended ones left out."""
        ends = [entry.end for entry in self.entries().values() if entry is not None]
        return [end for end in ends if end is not None and end > self.now]

    def _reap(self) -> None:
        """Have payers take home what is left of channels that have ended."""
        for channel, number in [*self._reapers.items()]:
            raw = self.raw(channel)
            if raw is None:
                continue
            ends = [raw[name] for name in ("Expiration", "CancelAfter") if name in raw]
            if ends and self.now >= min(ends):
                self.apply(
                    payer(number),
                    TransactionType="PaymentChannelClaim",
                    Channel=channel,
                    Flags=_TF_CLOSE,
                )

    def _look_for_ends(self, ledger: ClosedLedger) -> None:
        """Note what channels had paid that this ledger took away."""
        for record in ledger.transactions:
            if record.tx.kind != "PaymentChannelClaim":
                continue
            for wrapped in record.meta["AffectedNodes"]:
                node = wrapped.get("DeletedNode")
                if node is not None and node["LedgerEntryType"] == "PayChannel":
                    self.finals[node["LedgerIndex"]] = int(node["FinalFields"]["Balance"])
