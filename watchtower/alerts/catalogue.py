"""Every alarm of the house, one function each: its name, how urgent it is, and its sentence.

Those about a payer's channels are in ``of_payers.py``, and those of smaller matters beside it.
The names are an interface: people filter by them. ``docs/alerts.md`` has a section for each, with
what it asks of an operator, and a test compares the two lists.
"""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity
from watchtower.units import (
    Address,
    ChannelId,
    Drops,
    LedgerIndex,
    RippleTime,
    TxHash,
    format_drops,
    format_time,
)

__all__ = [
    "account_altered",
    "attempt_refused",
    "authority_lost",
    "channel_unprotectable",
    "close_requested",
    "cursor_stuck",
    "daily_cap_reached",
    "exit_too_slow",
    "fee_money_low",
    "foreign_claim",
    "foreign_close",
    "history_missing",
    "key_missing",
    "key_used_elsewhere",
    "lost",
    "message_rejected",
    "redeemed",
    "result_alarming",
    "server_ahead",
    "server_amendment_blocked",
    "server_lagging",
    "server_silent",
    "server_unconfirmed",
    "server_unreachable",
    "server_wrong_network",
    "servers_disagree",
    "single_server",
    "store_not_writing",
    "ticket_pool_short",
]


def server_unreachable(server: str, *, why: str) -> Alarm:
    """One server cannot be reached; the others are still listened to."""
    return Alarm(
        name="server_unreachable",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"{server} cannot be reached ({why}). It is tried again by itself; if this "
        "stays, check the address and the network, or name another server.",
    )


def server_silent(server: str, *, seconds: float) -> Alarm:
    """One server is connected and tells no ledgers."""
    return Alarm(
        name="server_silent",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"{server} has told no ledger for {seconds:.0f} s. It is connected anew by "
        "itself; if this stays, name another server.",
    )


def server_lagging(server: str, *, behind: int) -> Alarm:
    """One server is behind the others."""
    return Alarm(
        name="server_lagging",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"{server} is {behind} ledgers behind another server. Nothing to do if it "
        "catches up; if it does not, name another server.",
    )


def servers_disagree(server: str, *, other: str, ledger_index: LedgerIndex) -> Alarm:
    """Two servers told different hashes for one validated ledger: one of them is wrong or lies."""
    return Alarm(
        name="servers_disagree",
        subject=server,
        severity=Severity.URGENT,
        sentence=f"{server} and {other} tell different hashes for ledger {ledger_index}. One of "
        "them is broken or lies. Find out which, with a third server, and remove it.",
    )


def server_ahead(server: str, *, ahead: int) -> Alarm:
    """One server tells of ledgers that nobody else has."""
    return Alarm(
        name="server_ahead",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"{server} tells of ledgers {ahead} ahead of what the other servers have. It is "
        "broken or lies, and those ledgers do not count. Remove it from the configuration.",
    )


def server_unconfirmed(server: str, *, ledger_index: LedgerIndex) -> Alarm:
    """One server is believed because no other server confirms or denies what it tells."""
    return Alarm(
        name="server_unconfirmed",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"Since ledger {ledger_index} only {server} tells that ledgers close, and no "
        "other server confirms it. It is believed for want of a better one; no channel is taken "
        "to be over by its word alone. Bring the other servers back, or name a third.",
    )


def server_amendment_blocked(server: str) -> Alarm:
    """One server no longer understands the ledger's rules."""
    return Alarm(
        name="server_amendment_blocked",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"{server} is amendment blocked: it no longer understands the ledger. Upgrade "
        "it if it is yours, or name another server.",
    )


def server_wrong_network(server: str, *, found: int, wanted: int) -> Alarm:
    """One server serves another network, and is not used."""
    return Alarm(
        name="server_wrong_network",
        subject=server,
        severity=Severity.URGENT,
        sentence=f"{server} serves network {found}, and this watchtower guards network {wanted}. "
        "It is not used. Correct the configuration.",
    )


def single_server(server: str) -> Alarm:
    """Only one server is configured: if it stops or lies, we are blind."""
    return Alarm(
        name="single_server",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"{server} is the only server configured. If it stops or lies, close requests "
        "go unseen. Name a second one, run by somebody else.",
    )


def message_rejected(server: str, *, why: str) -> Alarm:
    """A server sent what cannot be understood; the ledgers it was about are read again."""
    return Alarm(
        name="message_rejected",
        subject=server,
        severity=Severity.WARNING,
        sentence=f"{server} sent what cannot be understood ({why}). The ledger is read again by "
        "other means. If this goes on, upgrade the watchtower, or name another server.",
    )


def history_missing(*, first: LedgerIndex, last: LedgerIndex, why: str) -> Alarm:
    """What happened in ledgers we missed is told by no server, or cannot be read."""
    return Alarm(
        name="history_missing",
        subject=f"{first}-{last}",
        severity=Severity.WARNING,
        sentence=f"No server tells what happened in ledgers {first} to {last} ({why}). It is "
        "asked for again, and channels are guarded from their present state. Name a server with "
        "more history.",
    )


def cursor_stuck(ledger_index: LedgerIndex, *, behind: int) -> Alarm:
    """Ledgers go on, and one of them stays unaccounted for; it is retried and never skipped."""
    return Alarm(
        name="cursor_stuck",
        subject="cursor",
        severity=Severity.URGENT,
        sentence=f"Ledger {ledger_index} is still not accounted for, {behind} ledgers later. It "
        "is retried and not skipped, and channels are guarded from their present state. If this "
        "stays, restart the watchtower and report it with the log.",
    )


def channel_unprotectable(channel: ChannelId, *, why: str, at_stake: Drops) -> Alarm:
    """Claims are kept for a channel for which the promise cannot be given."""
    return Alarm(
        name="channel_unprotectable",
        subject=channel,
        severity=Severity.WARNING,
        sentence=f"Channel {channel} cannot be protected: {why}. {format_drops(at_stake)} are at "
        "stake. Serve nothing more against it. Every effort is made all the same.",
    )


def close_requested(channel: ChannelId, *, at_stake: Drops, deadline: RippleTime) -> Alarm:
    """A channel will end, asked for or by CancelAfter, with something at stake."""
    return Alarm(
        name="close_requested",
        subject=channel,
        severity=Severity.WARNING,
        sentence=f"Channel {channel} is about to end with {format_drops(at_stake)} at stake. They "
        f"are redeemed now; it must be done by {format_time(deadline)}. Serve nothing more "
        "against it.",
    )


def redeemed(channel: ChannelId, *, paid: Drops, transaction: TxHash) -> Alarm:
    """A validated ledger shows that a claim was paid."""
    return Alarm(
        name="redeemed",
        subject=transaction,
        severity=Severity.INFO,
        sentence=f"{format_drops(paid)} were redeemed from channel {channel}. Nothing to do.",
    )


def lost(channel: ChannelId, *, unpaid: Drops, why: str) -> Alarm:
    """A channel is over, with less paid than the best claim allowed."""
    return Alarm(
        name="lost",
        subject=channel,
        severity=Severity.URGENT,
        sentence=f"Channel {channel} ended with {format_drops(unpaid)} unpaid: {why}. They "
        f"cannot be redeemed any more. `watchtower channel explain {channel}` tells how it came.",
    )


def attempt_refused(
    channel: ChannelId, *, transaction: TxHash, why: str, what: str = "redeem"
) -> Alarm:
    """An attempt ended without success; another follows while anything can be gained."""
    return Alarm(
        name="attempt_refused",
        subject=transaction,
        severity=Severity.WARNING,
        sentence=f"An attempt to {what} channel {channel} was refused: {why}. Another one "
        "follows by itself; look if it goes on.",
    )


def result_alarming(channel: ChannelId, *, result: str) -> Alarm:
    """Servers answer an attempt with what only a person can mend; it is tried on all the same."""
    return Alarm(
        name="result_alarming",
        subject=channel,
        severity=Severity.URGENT,
        sentence=f"Servers answer the transaction for channel {channel} with {result}. It is "
        "tried on, but a key or the account may have changed: look at the account, and import "
        "the key that signs for it now.",
    )


def key_missing(account: Address) -> Alarm:
    """Something has to be redeemed for an account whose key we do not hold."""
    return Alarm(
        name="key_missing",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"There is no key for {account}, so nothing can be done for it. Import one "
        f"with `watchtower key import --account {account}`.",
    )


def authority_lost(account: Address, *, why: str) -> Alarm:
    """The key that we hold does not sign for its account any more: nothing can be redeemed."""
    return Alarm(
        name="authority_lost",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"The key held for {account} cannot sign for it: {why}. Nothing can be done for "
        "it. If you changed the account, give the tower the key that signs for it now: with "
        f"`watchtower key import --account {account}`, or in the token, or at the signer apart, if "
        "that is where its key is. If you did not, somebody else controls it.",
    )


def account_altered(account: Address, *, why: str) -> Alarm:
    """Who may sign for a guarded account, or pay it, was changed."""
    return Alarm(
        name="account_altered",
        subject=account,
        severity=Severity.WARNING,
        sentence=f"The account {account} was changed: {why}. If it was not you, somebody else "
        "controls it: move what it holds to another account.",
    )


def foreign_close(channel: ChannelId, *, unpaid: Drops, why: str) -> Alarm:
    """The payee's account itself closed a channel, not through us, and gave money away."""
    return Alarm(
        name="foreign_close",
        subject=channel,
        severity=Severity.URGENT,
        sentence=f"Its own payee closed channel {channel} with {format_drops(unpaid)} unpaid, by "
        f"a transaction that this watchtower did not send ({why}). If it was not you, change the "
        "account's key now: whoever has it can close the other channels as well.",
    )


def foreign_claim(transaction: TxHash, *, channel: ChannelId, why: str) -> Alarm:
    """The payee's account redeemed, or tried to, by a transaction that is not ours."""
    return Alarm(
        name="foreign_claim",
        subject=transaction,
        severity=Severity.WARNING,
        sentence=f"Transaction {transaction} redeemed from channel {channel} for its payee, and "
        f"this watchtower did not send it ({why}). If it was neither you nor another watchtower "
        "of yours, change the account's key.",
    )


def key_used_elsewhere(account: Address, *, transaction: TxHash) -> Alarm:
    """Somebody else signs with the very key that we hold."""
    return Alarm(
        name="key_used_elsewhere",
        subject=account,
        severity=Severity.WARNING,
        sentence=f"Transaction {transaction} of {account} was signed with the key held here, and "
        "this watchtower did not send it. If it was neither your wallet nor another watchtower "
        "of yours, the key is stolen: change it.",
    )


def daily_cap_reached(account: Address) -> Alarm:
    """Something is owed, and the account's fees have reached what the operator allows for a day."""
    return Alarm(
        name="daily_cap_reached",
        subject=account,
        severity=Severity.URGENT,
        sentence=f"The fees of {account} have reached `fees.daily_cap_drops` for today, and more "
        "is to be redeemed. Raise it and restart the watchtower, or what closes today may be "
        "lost.",
    )


def exit_too_slow(*, channels: int, ledgers: int, left: int, shortest: int) -> Alarm:
    """If everything closed at once, not all could be redeemed in time, within the fee budgets."""
    need = f"{ledgers} ledgers" if ledgers else "fees above what each of them may cost"
    return Alarm(
        name="exit_too_slow",
        subject="channels",
        severity=Severity.WARNING,
        sentence=f"If all {channels} channels with something at stake closed at once, redeeming "
        f"them would need {need}, and the shortest settle delay of {shortest} s leaves {left}. "
        "Redeem earlier (`policy.exposure_limit_drops`, `policy.redeem_every_seconds`), allow "
        "higher fees, or ask payers for a longer settle delay.",
    )


def ticket_pool_short(account: Address, *, held: int, wanted: int, short: Drops) -> Alarm:
    """The account's reserve cannot hold the tickets that redeeming wants."""
    return Alarm(
        name="ticket_pool_short",
        subject=account,
        severity=Severity.WARNING,
        sentence=f"{account} has {held} of {wanted} tickets and cannot hold more, so redemptions "
        f"wait for each other on its sequence. Send it {format_drops(short)}, or set a smaller "
        "`tickets.pool`.",
    )


def fee_money_low(account: Address, *, spendable: Drops, needed: Drops) -> Alarm:
    """The account can hardly pay for its transactions."""
    return Alarm(
        name="fee_money_low",
        subject=account,
        severity=Severity.WARNING,
        sentence=f"{account} has {format_drops(spendable)} above its reserve and may need "
        f"{format_drops(needed)} for fees. Send it {format_drops(Drops(needed - spendable))} "
        "or more.",
    )


def store_not_writing(path: str, *, why: str) -> Alarm:
    """What must be remembered cannot be: no claim is taken until it can."""
    return Alarm(
        name="store_not_writing",
        subject=path,
        severity=Severity.URGENT,
        sentence=f"Nothing can be written down: {why.removesuffix('.')}. No claim is kept and "
        "nothing is sent until it can.",
    )
