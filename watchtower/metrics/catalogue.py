"""Every metric there is, each told once. Pure.

docs/metrics.md says the same to people, and a test compares the two. Times are those of the host's
steady clock unless a meaning says that they are ledger time; a timestamp is in seconds since 1970.
Servers and routes are named by their place in the settings, from 1 on: a server's address may hold
the key of somebody who pays for it.
"""

from __future__ import annotations

from typing import Final

from watchtower.metrics.metric import PREFIX, Kind, Metric

__all__ = ["CATALOGUE"]

_QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WINDOW: Final = (4.0, 8.0, 12.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0)
_LEDGERS: Final = (1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 12.0, 20.0, 50.0, 200.0, 1000.0)


def _gauge(name: str, meaning: str, *labels: str, unit: str = "") -> Metric:
    return Metric(name=PREFIX + name, kind=Kind.GAUGE, meaning=meaning, unit=unit, labels=labels)


def _counter(name: str, meaning: str, *labels: str, unit: str = "") -> Metric:
    return Metric(name=PREFIX + name, kind=Kind.COUNTER, meaning=meaning, unit=unit, labels=labels)


def _histogram(name: str, meaning: str, bounds: tuple[float, ...], unit: str) -> Metric:
    return Metric(
        name=PREFIX + name, kind=Kind.HISTOGRAM, meaning=meaning, unit=unit, bounds=bounds
    )


# Whether it keeps up.
BUILD_INFO: Final = _gauge("build_info", "The version that runs; always 1.", "version")
SHADOW: Final = _gauge("shadow", "1 if everything is decided and nothing is sent, else 0.")
READY: Final = _gauge("ready", "1 if claims can be taken and judged now, else 0.")
NEWEST_LEDGER: Final = _gauge("newest_ledger", "The newest validated ledger that is known.")
ACCOUNTED_LEDGER: Final = _gauge(
    "accounted_ledger", "The ledger up to which all of history is accounted for."
)
UNACCOUNTED_LEDGERS: Final = _gauge(
    "unaccounted_ledgers",
    "How many ledgers up to the newest are not accounted for.",
    unit="ledgers",
)
JOURNAL_NUMBER: Final = _gauge(
    "journal_number", "The number of the newest line of the journal that was looked at."
)
LEDGER_AGE: Final = _gauge(
    "ledger_age_seconds", "How long ago a new ledger was heard of last.", unit="seconds"
)

# What is at stake.
CHANNELS: Final = _gauge("channels", "How many channels are guarded, of payees and of payers.")
PRESSING: Final = _gauge(
    "pressing_channels",
    "Channels of payees on which something presses or that cannot be protected, by their verdict.",
    "verdict",
)
UNPROTECTABLE: Final = _gauge(
    "unprotectable_channels", "Channels of payees for which protection cannot be promised."
)
AT_STAKE: Final = _gauge(
    "at_stake_drops", "What payees would lose if nobody redeemed any more.", unit="drops"
)
UNPROTECTABLE_AT_STAKE: Final = _gauge(
    "unprotectable_at_stake_drops",
    "What of it is on channels for which protection cannot be promised.",
    unit="drops",
)
THREATENED_AT_STAKE: Final = _gauge(
    "threatened_at_stake_drops", "What of it is on channels that will end.", unit="drops"
)
SLACK: Final = _gauge(
    "nearest_deadline_slack_seconds",
    "Ledger time left until redeeming the most pressing channel is sure no more; negative past "
    "that, absent if none will end.",
    unit="seconds",
)
PROMISED_SLACK: Final = _gauge(
    "nearest_promised_slack_seconds",
    "The same without channels whose settle delay is too short for a promise; absent if none of "
    "the others will end.",
    unit="seconds",
)
LOST: Final = _counter(
    "lost_drops_total",
    "What claims promised and channels whose end has passed did not pay.",
    unit="drops",
)

# What is done about it.
OBLIGATIONS: Final = _gauge(
    "obligations", "Channels to be redeemed, or to be closed for their payer, now.", "act"
)
ATTEMPTS_UNDER_WAY: Final = _gauge(
    "attempts_under_way", "Transactions of ours whose outcome is not proven yet."
)
ATTEMPTS: Final = _counter("attempts_total", "Transactions made, by what they are for.", "purpose")
OUTCOMES: Final = _counter("outcomes_total", "Proven ends of transactions of ours.", "outcome")
REDEEMED: Final = _counter(
    "redeemed_drops_total", "What transactions of ours have brought to payees.", unit="drops"
)
FEES: Final = _counter("fees_drops_total", "What transactions of ours have cost.", unit="drops")
REACTION: Final = _histogram(
    "reaction_seconds",
    "From learning of a close request, with something at stake, to the first transaction on its "
    "way.",
    _QUICK,
    "seconds",
)
CLOSE_TO_PAID: Final = _histogram(
    "close_to_paid_seconds",
    "Ledger time from learning of a close request to the proof that the channel has paid.",
    _WINDOW,
    "seconds",
)
CLOSE_TO_PAID_LEDGERS: Final = _histogram(
    "close_to_paid_ledgers",
    "Ledgers from the one with a close request to the one that paid.",
    _LEDGERS,
    "ledgers",
)
HAPPENINGS: Final = _counter(
    "happenings_total", "Lines that the journal was given, by their kind.", "kind"
)

# Claims.
CLAIMS: Final = _counter(
    "claims_total",
    "Claims that were answered while the daemon runs: kept, pending, or why not; and whether to "
    "serve against them, or that another process has answered.",
    "answer",
    "serve",
)
CLAIM_ANSWER: Final = _histogram(
    "claim_answer_seconds",
    "From handing claims over to their answer, which is given when they are on disk.",
    _QUICK,
    "seconds",
)

# Servers, each by its place in the settings.
SERVERS: Final = _gauge("servers", "How many servers the settings name.")
SERVERS_CONNECTED: Final = _gauge("servers_connected", "How many of them are connected.")
SERVER_CONNECTED: Final = _gauge(
    "server_connected", "1 if a server is connected, else 0.", "server"
)
SERVER_RECONNECTS: Final = _counter(
    "server_reconnects_total", "How often a server was connected to anew.", "server"
)
SERVER_LAG: Final = _gauge(
    "server_lag_ledgers",
    "How many ledgers a server is behind the newest that is known; absent while it told of none.",
    "server",
    unit="ledgers",
)
SERVER_RANK: Final = _gauge(
    "server_rank", "After whom a server is asked; 0 if it did nothing wrong lately.", "server"
)
SERVER_BLOCKED: Final = _gauge(
    "server_amendment_blocked", "1 if a server is too old for its network, else 0.", "server"
)

# Money and tickets.
ACCOUNTS: Final = _gauge("accounts", "How many accounts are guarded.")
UNSIGNED_ACCOUNTS: Final = _gauge(
    "accounts_without_signer", "How many of them nothing can sign fresh transactions for."
)
SPENDABLE: Final = _gauge(
    "spendable_least_drops",
    "What the account with the least has above its reserve; absent while none is known.",
    unit="drops",
)
ATTEMPT_CAP: Final = _gauge(
    "attempt_fee_cap_drops", "What one transaction may cost at most.", unit="drops"
)
FEES_TODAY: Final = _gauge(
    "fees_today_most_drops",
    "What the account with the highest fees has spent on this day of ledger time.",
    unit="drops",
)
FEES_CAP: Final = _gauge(
    "fees_daily_cap_drops", "What an account may spend on a day of ledger time.", unit="drops"
)
TICKETS: Final = _gauge("tickets", "Tickets ready for redeeming, of all payees together.")
TICKETS_LEAST: Final = _gauge("tickets_least", "Tickets of the payee that has the fewest.")
TICKETS_WANTED: Final = _gauge("tickets_wanted", "How many each payee should have.")

# Alarms, and telling people.
ALARMS: Final = _gauge("alarms_standing", "Alarms that stand now.", "alarm", "severity")
NOTICES: Final = _counter(
    "notices_total", "Tellings of alarms: raised, repeated, resolved, happened.", "alarm", "kind"
)
ROUTE_WAITING: Final = _gauge("route_waiting", "Notices that wait for a route.", "route", "kind")
ROUTE_DELIVERED: Final = _counter(
    "route_delivered_total", "Notices that a route has delivered.", "route", "kind"
)
ROUTE_DROPPED: Final = _counter(
    "route_dropped_total", "Notices for which a route had no room.", "route", "kind"
)
ROUTE_GIVEN_UP: Final = _counter(
    "route_given_up_total", "Notices that a route could not deliver.", "route", "kind"
)
ROUTE_FAILING: Final = _gauge(
    "route_failing_since_timestamp_seconds",
    "Since when a route fails; absent while it does not.",
    "route",
    "kind",
    unit="seconds",
)
HEARTBEATS: Final = _counter(
    "heartbeats_total",
    "Signs of life that were given: those that arrived, and those that failed.",
    "heartbeat",
    "result",
)

# The store.
COMMIT: Final = _histogram(
    "store_commit_seconds", "How long the disk took to take a transaction.", _QUICK, "seconds"
)
STORE_BYTES: Final = _gauge(
    "store_bytes", "The store's files, with what is not in its main file yet.", unit="bytes"
)
DISK_FREE: Final = _gauge("disk_free_bytes", "What the store's disk has left.", unit="bytes")
RESERVE_BYTES: Final = _gauge(
    "reserve_bytes", "What the reserve beside the store holds.", unit="bytes"
)

# The doors.
FOLLOWERS: Final = _gauge(
    "followers", "Who follows what happens: open streams, and the way to the broker."
)
HTTP_REQUESTS: Final = _counter(
    "http_requests_total",
    "Requests that were answered, by their route (none for what is no route) and class of status.",
    "route",
    "status",
)
BROKER: Final = _gauge(
    "broker_connected", "1 if the broker is connected, else 0; absent where none is named."
)

# What has to be done now and then.
DRILL_TIME: Final = _gauge(
    "drill_timestamp_seconds", "When the last drill at a place was.", "place", unit="seconds"
)
DRILL_SECONDS: Final = _gauge(
    "drill_duration_seconds",
    "How long it took from the close request to the payment.",
    "place",
    unit="seconds",
)
DRILL_PAID: Final = _gauge("drill_paid", "1 if it paid, else 0.", "place")
BACKUP_TIME: Final = _gauge(
    "backup_timestamp_seconds",
    "When the newest file in the backup folder was written; absent where there is none.",
    unit="seconds",
)
HEAD_AGE: Final = _gauge(
    "head_age_seconds",
    "How long ago the store was compared with the head for which that is longest ago; absent until "
    "it was.",
    unit="seconds",
)
CERTIFICATE_END: Final = _gauge(
    "certificate_expiry_timestamp_seconds",
    "Until when the certificate of the HTTP door is good; absent without one.",
    unit="seconds",
)

CATALOGUE: Final = tuple(found for found in tuple(globals().values()) if isinstance(found, Metric))
"""All of them, in the order above."""
