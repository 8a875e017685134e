"""What payees signed ahead of need, in memory, by the side of the channel that it redeems. Pure.

What it guarantees: what is told to be usable was signed with a key that signs for its account now,
on a ticket that is not gone, by the account's last known state; a ticket that stands for a channel
is used for nothing else while that channel is open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from watchtower.judgement.authority import AuthorityFault, authority_fault
from watchtower.judgement.channel import Channel
from watchtower.judgement.estate import Estate
from watchtower.response.bundle import Presigned
from watchtower.units import Address, ChannelId

__all__ = ["SignedAhead"]


class SignedAhead:
    """What was signed ahead for open channels, on the watch's own ``channels`` and ``estates``.

    ``version`` is another one whenever it was replaced.
    """

    def __init__(
        self,
        presigned: Iterable[Presigned],
        *,
        channels: Mapping[ChannelId, Channel],
        estates: Mapping[Address, Estate],
    ) -> None:
        """Begin with what the store remembers."""
        self._channels = channels
        self._estates = estates
        self._by_channel: dict[ChannelId, dict[int, Presigned]] = {}
        self._tickets: dict[Address, dict[int, ChannelId]] = {}
        self.version = 0
        self.replace(presigned)

    def replace(self, presigned: Iterable[Presigned]) -> None:
        """Take all that the store has now, instead of what was there, for channels that are open.

        Of two for one ticket of a channel it is the better one.
        """
        self.version += 1
        self._by_channel.clear()
        self._tickets.clear()
        for each in presigned:
            channel = self._channels.get(each.channel)
            if channel is None or channel.closed_at is not None:
                continue
            of_channel = self._by_channel.setdefault(each.channel, {})
            known = of_channel.get(each.ticket)
            if known is None or each.worth > known.worth:
                of_channel[each.ticket] = each
                self._tickets.setdefault(each.account, {})[each.ticket] = each.channel

    @property
    def accounts(self) -> Collection[Address]:
        """The accounts for which anything was signed ahead."""
        return self._tickets.keys()

    def channels_of(self, account: Address) -> Collection[ChannelId]:
        """Return the channels of an account for which anything was signed ahead."""
        return dict.fromkeys(self._tickets.get(account, {}).values())

    def of(self, channel: ChannelId) -> tuple[Presigned, ...]:
        """Return all that was signed ahead for a channel, by ticket, usable or not."""
        of_channel = self._by_channel.get(channel)
        return () if of_channel is None else tuple(of_channel[n] for n in sorted(of_channel))

    def usable(self, channel: ChannelId) -> tuple[Presigned, ...]:
        """Return what the ledger would take for a channel now, as far as is known, by ticket."""
        return tuple(
            each
            for each in self.of(channel)
            if not self.is_burnt(each) and self.fault(each) is None
        )

    def is_burnt(self, presigned: Presigned) -> bool:
        """Return whether a ticket is known to be gone."""
        estate = self._estates.get(presigned.account)
        return estate is not None and estate.ticket_book.is_gone(presigned.ticket)

    def fault(self, presigned: Presigned) -> AuthorityFault | None:
        """Return why the key that signed does not sign for its account now; None if it does.

        By state alone: a key that was taken away and given back is good again.
        """
        return authority_fault(self._estates.get(presigned.account), presigned.signing_key)

    def reserved(self, account: Address) -> frozenset[int]:
        """Return the tickets of an account that stand for channels."""
        return frozenset(self._tickets.get(account, ()))

    def forget(self, channel: ChannelId) -> None:
        """Drop what was signed ahead for a channel that is gone; its tickets are free again."""
        for each in self._by_channel.pop(channel, {}).values():
            of_account = self._tickets.get(each.account, {})
            if of_account.get(each.ticket) == channel:
                del of_account[each.ticket]
            if not of_account:
                self._tickets.pop(each.account, None)
