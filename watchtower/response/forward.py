"""Submitting what was signed ahead of need: journalled, then sent, like everything that leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from watchtower.response.attempt import Attempt
from watchtower.response.fees import ledgers_left
from watchtower.response.launch import Launch
from watchtower.response.obligation import Duty
from watchtower.response.plan import Terms
from watchtower.response.presigned import Ahead, plan_presigned
from watchtower.response.surroundings import Docket
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["Forward"]

_PATIENCE: Final = 15
"""Ledgers without a signature after which a part is better than nothing: about a minute, in which
a signer is started anew, and a hand that failed is tried again (keys/hands.py)."""

_PRESSING: Final = 25
"""Ledgers to the deadline from which on nobody is waited for: two tickets take some ledgers each
to be tried at every fee."""


class Forward:
    """Submits, for one docket, what payees signed ahead."""

    def __init__(
        self,
        docket: Docket,
        launch: Launch,
        *,
        can_sign: Callable[[Address], bool] = lambda _: True,
        goes_first: Callable[[Address], bool] = lambda _: True,
    ) -> None:
        """Submit for ``docket``; a launch in shadow decides all and sends nothing.

        Args:
            docket: what is owed, and what was signed ahead for it.
            launch: the way out.
            can_sign: whether a hand can sign for an account now. Where none can, what was signed
                ahead is submitted also where it covers less than the whole claim.
            goes_first: whether what was signed ahead for an account comes before its hands.
        """
        self._docket = docket
        self._launch = launch
        self._can_sign = can_sign
        self._goes_first = goes_first
        self._unsigned_since: dict[tuple[Address, ChannelId], LedgerIndex] = {}

    async def submit(
        self, obligations: Collection[Duty], terms: Terms
    ) -> tuple[Ahead, list[Attempt]]:
        """Submit what comes before all hands; return the plan with what is left, and what was sent.

        Raises:
            StoreError: it could not be written down, and so was not sent.
        """
        ahead = plan_presigned(
            obligations,
            self._docket.attempts.values(),
            terms,
            usable=self._docket.presigned,
            can_sign=self._can_sign,
            goes_ahead=self._goes_first,
        )
        return ahead, await self._send(ahead, terms)

    async def fall_back(self, unsigned: Collection[Duty], terms: Terms) -> list[Attempt]:
        """Submit what there is where nobody would sign after all.

        What covers less than is owed spends a fee and a ticket on a part: it is submitted when
        nobody has signed for some ledgers, or when there is hardly one left, and not because a
        signer was away for a moment.

        Raises:
            StoreError: as `submit`.
        """
        now = terms.validated
        self._unsigned_since = {
            (owed.account, owed.channel): self._unsigned_since.get(
                (owed.account, owed.channel), now
            )
            for owed in unsigned
        }
        due = [owed for owed in unsigned if self._covers(owed) or self._waited(owed, terms)]
        if not due:
            return []
        ahead = plan_presigned(
            due,
            self._docket.attempts.values(),
            terms,
            usable=self._docket.presigned,
            can_sign=lambda _: False,
        )
        return await self._send(ahead, terms)

    def _covers(self, owed: Duty) -> bool:
        """Return whether all of it was signed ahead."""
        usable = self._docket.presigned(owed.channel)
        return any(each.account == owed.account and each.target == owed.target for each in usable)

    def _waited(self, owed: Duty, terms: Terms) -> bool:
        """Return whether a hand has been waited for as long as there is time."""
        since = self._unsigned_since[owed.account, owed.channel]
        left = ledgers_left(owed.deadline, terms.now)
        return terms.validated >= since + _PATIENCE or (left is not None and left <= _PRESSING)

    async def _send(self, ahead: Ahead, terms: Terms) -> list[Attempt]:
        if self._launch.shadow:
            return []
        attempts = [step.attempt(terms) for step in ahead.submit]
        await self._launch.launch(attempts)
        return attempts
