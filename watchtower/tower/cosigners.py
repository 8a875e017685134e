"""How co-signers do, for people: what stands while one is away, faulty, or of another opinion."""

from __future__ import annotations

from watchtower.alerts import of_cosigners
from watchtower.alerts.desk import Desk
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["CosignerCare"]


class CosignerCare:
    """Keeps the alarms about co-signers at one desk."""

    def __init__(self, desk: Desk) -> None:
        """Tell nothing yet."""
        self._desk = desk

    def well(self, account: Address) -> None:
        """Let what stood about it end: it answered as it should."""
        self._desk.end("cosigner_away", account)
        self._desk.end("cosigner_faulty", account)

    def away(self, account: Address, why: str) -> None:
        """Tell that it does not answer."""
        self._desk.stand(of_cosigners.cosigner_away(account, why=why))

    def faulty(self, account: Address, why: str) -> None:
        """Tell that it answers what no co-signer in its right mind does."""
        self._desk.stand(of_cosigners.cosigner_faulty(account, why=why))

    def refused(self, account: Address, channel: ChannelId, why: str) -> None:
        """Tell that it judged a claim, and does not sign."""
        self._desk.stand(of_cosigners.cosigner_refused(channel, account=account, why=why))

    def signed(self, channel: ChannelId) -> None:
        """Let what stood about a channel end: enough signed for it."""
        self._desk.end("cosigner_refused", channel)
        self._desk.end("person_needed", channel)

    def waits(self, channel: ChannelId, last_ledger: LedgerIndex) -> None:
        """Tell that a person's signature is waited for."""
        self._desk.stand(of_cosigners.person_needed(channel, last_ledger=last_ledger))

    def unfit(self, payee: Address, why: str) -> None:
        """Tell that the ledger does not take what some of an account's signers sign together."""
        self._desk.stand(of_cosigners.cosigner_unfit(payee, why=why))

    def fit(self, payee: Address) -> None:
        """Let that end: nothing is known any more that speaks against any of them."""
        self._desk.end("cosigner_unfit", payee)
