"""What the doctor finds: a check, how bad it is, a sentence, and the command that mends it.

Names of checks stand in scripts: never rename or reuse one. ``docs/doctor.md`` has them as a table
that a test holds equal. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

__all__ = ["CHECKS", "GROUPS", "Finding", "Level", "counted", "group_of", "of_trouble", "ok"]

CHECKS: Final[Mapping[str, str]] = {
    "config.loads": "the configuration is there, and says nothing unknown, unsafe or contradictory",
    "files.config": "nobody else may write the configuration, which says whom to ask and believe",
    "files.secrets": "the files that hold a secret are there, and their owner alone reads them",
    "files.store": "the store is its owner's alone",
    "files.folder": "nobody else may write the folder of the store, and put another one there",
    "ways.opens": "each way into the store, and which of them opens it here and now",
    "store.opens": "the store is there, whole, sealed by us and of the present format",
    "store.network": "to which network the store is pinned",
    "store.recovery": "the store was not restored, rebuilt or put back without being reconciled",
    "store.heads": "each head kept elsewhere is there, and does not speak against the store",
    "store.space": "the store's disk has room, by the thresholds of `[space]`",
    "store.backup": "there is a key for backups, and a folder with one that is not old",
    "clock.ledger": "the host's clock fits the ledger's, on a public network",
    "clock.synchronised": "systemd says that the host's clock is kept by NTP",
    "servers.reachable": "each server by itself: it is connected to, and answers in time",
    "servers.synced": "it has a validated ledger, a young one, and says that it is in sync",
    "servers.network": "it serves the network that the store is pinned to, and the others serve",
    "servers.amendments": "it is not blocked by amendments that it is too old for",
    "servers.fee": "what the open ledger costs there, against `fees.cap_drops`",
    "servers.history": "it has all ledgers behind the cursor, so that what was missed can be read",
    "servers.certificate": "how long the certificate of its TLS is good",
    "servers.agree": "all servers tell the same ledger hash and the same of each account",
    "servers.number": "there are two servers at least",
    "authority.account": "the account is in the ledger",
    "authority.right": "by each right: whether the ledger takes what is signed by it, now",
    "authority.signs": "each key that is here signs a transaction in memory, and it verifies",
    "authority.simulated": "what a server that simulates says to such a transaction, unsigned",
    "authority.idle": "keys that are here and sign nothing, by configuration or by a rotation",
    "authority.token": "the HSM is there, opens by its PIN and has its keys",
    "authority.signer": "the signer apart answers, and says what it signs for",
    "money.fees": "the account, or its delegate, can pay the fees of redeeming",
    "money.tickets": "the account has its tickets, or can hold them",
    "mqtt.connects": "the broker lets us in, and would hand us claims",
    "http.certificate": "the certificate of the HTTP interface can be used, and for how long",
    "http.names": "the certificate names the hosts by which others come",
    "http.tokens": "somebody can come in where a token is needed",
    "alerts.routes": "alarms leave the house, by more than one way",
    "alerts.heartbeat": "somebody outside notices if the tower falls silent",
    "systemd.unit": "the unit is installed, and not another one than this version's",
    "systemd.enabled": "it starts with the machine, and runs",
    "systemd.watchdog": "systemd restarts it where ledgers do not advance",
    "daemon.runs": "the daemon has been heard within two minutes",
    "daemon.keeps_up": "it accounts for ledgers as fast as they come",
    "daemon.alarms": "which alarms stand, by its last word",
    "limits.files": "it may open as many files as it needs",
    "limits.core_dumps": "no secret is left in a core dump",
}
"""Every check by its name, and what it looks at."""


def group_of(check: str) -> str:
    """Return the group that a check belongs to."""
    return check.partition(".")[0]


GROUPS: Final = tuple(dict.fromkeys(map(group_of, CHECKS)))
"""The groups, in the order in which they are told."""


class Level(StrEnum):
    """How bad it is; the worst is last."""

    OK = "ok"
    NOTICE = "notice"  # worth knowing, and nothing has to be done
    WARNING = "warning"  # should be mended; money is safe for now
    FAILURE = "failure"  # something would not work, or not be safe, when it is needed


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found.

    ``subject`` is what it is about, if there are several; ``mend`` the command that mends it, as
    it can be typed, None where no command does.
    """

    check: str
    level: Level
    sentence: str
    subject: str = ""
    mend: str | None = None

    @property
    def group(self) -> str:
        """The group of its check."""
        return group_of(self.check)

    def report(self) -> dict[str, Any]:
        """Return it in JSON values."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


def ok(check: str, sentence: str, subject: str = "") -> Finding:
    """Return that all is well with what ``check`` looks at."""
    return Finding(check=check, level=Level.OK, sentence=sentence, subject=subject)


def of_trouble(check: str, trouble: object, subject: str = "", mend: str | None = None) -> Finding:
    """Return that ``check`` fails, in the words of an error."""
    return Finding(
        check=check, level=Level.FAILURE, sentence=str(trouble), subject=subject, mend=mend
    )


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many there are of each level."""
    levels = [finding.level for finding in findings]
    return {level.value: levels.count(level) for level in Level}
