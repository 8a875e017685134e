"""Submitting what was signed ahead of need: journalled, then sent, like everything that leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from watchtower.response.attempt import Attempt
from watchtower.response.launch import Launch
from watchtower.response.obligation import Duty
from watchtower.response.plan import Terms
from watchtower.response.presigned import Ahead, plan_presigned
from watchtower.response.surroundings import Docket
from watchtower.units import Address

__all__ = ["Forward"]


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

    async def fall_back(
        self, unsigned: Collection[Duty], terms: Terms, *, entered: int
    ) -> list[Attempt]:
        """Submit, behind ``entered`` others, what there is where nobody would sign after all.

        Raises:
            StoreError: as `submit`.
        """
        if not unsigned:
            return []
        ahead = plan_presigned(
            unsigned,
            self._docket.attempts.values(),
            replace(terms, entered=entered),
            usable=self._docket.presigned,
            can_sign=lambda _: False,
        )
        return await self._send(ahead, terms)

    async def _send(self, ahead: Ahead, terms: Terms) -> list[Attempt]:
        if self._launch.shadow:
            return []
        attempts = [step.attempt(terms) for step in ahead.submit]
        await self._launch.launch(attempts)
        return attempts
