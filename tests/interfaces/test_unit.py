"""The systemd units say what the processes rely on, and every line of them is explained."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from watchtower import errors
from watchtower.errors import WatchtowerError
from watchtower.settings import PolicySettings

UNITS = Path(__file__).parents[2] / "systemd"
UNIT, SIGNER = UNITS / "watchtower.service", UNITS / "watchtower-signer.service"
BACKUP, ONCE = UNITS / "watchtower-backup.service", UNITS / "watchtower-once.service"
DROP_INS = UNITS / "drop-ins"
DRILL = UNITS / "watchtower-drill.service"

FOR_A_PERSON_TO_MEND = (
    errors.AddressError,
    errors.ConfigError,
    errors.TicketPoolError,
    errors.StoreMissingError,
    errors.PassphraseError,
    errors.PassphraseMissingError,
    errors.StoreTamperedError,
    errors.StoreDamagedError,
    errors.StoreNetworkError,
    errors.StoreVersionError,
)


def directives(unit: Path = UNIT) -> dict[str, list[str]]:
    """Return a unit's directives, ``Section.Name``, each with its values in order."""
    found, section = defaultdict(list), ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[f"{section}.{name}"].append(value)
    return dict(found)


def test_the_daemon_tells_systemd_itself_and_is_watched() -> None:
    """`Type=notify` and a watchdog, as interfaces/systemd.py serves them."""
    unit = directives()

    assert unit["Service.Type"] == ["notify"]
    assert unit["Service.WatchdogSec"] == ["60s"]
    assert unit["Service.ExecStart"] == ["/opt/watchtower/bin/watchtower run"]


def test_whatever_kills_it_it_is_started_again() -> None:
    """For ever, and not given up after a few tries."""
    unit = directives()

    assert unit["Service.Restart"] == ["on-failure"]
    assert unit["Unit.StartLimitIntervalSec"] == ["0"]


def test_what_only_a_person_can_mend_is_not_tried_for_ever() -> None:
    """Exactly the failures of configuration and store, by their exit codes, and click's usage."""
    (codes,) = directives()["Service.RestartPreventExitStatus"]
    expected: tuple[type[WatchtowerError], ...] = (*FOR_A_PERSON_TO_MEND, errors.HsmPinError)

    assert [int(code) for code in codes.split()] == [2, *(error.exit_code for error in expected)]


def test_the_passphrase_is_a_credential_and_not_in_the_environment() -> None:
    """Whoever reads the unit or /proc learns no passphrase."""
    unit = directives()

    assert unit["Service.LoadCredentialEncrypted"] == ["passphrase:/etc/watchtower/passphrase.cred"]
    assert unit["Service.Environment"] == ["WATCHTOWER_CONFIG=/etc/watchtower/watchtower.toml"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [("plain-passphrase", "watchtower"), ("plain-passphrase-signer", "watchtower-signer")],
)
def test_where_nothing_can_be_encrypted_a_file_takes_its_place(name: str, folder: str) -> None:
    """What the unit names is taken back, for that file is not there."""
    assert directives(DROP_INS / f"{name}.conf") == {
        "Service.LoadCredentialEncrypted": [""],
        "Service.LoadCredential": [f"passphrase:/etc/{folder}/passphrase"],
    }


def test_the_daemon_comes_to_the_signer_by_its_group() -> None:
    """The service alone, and nobody who is logged in as its user."""
    assert directives(DROP_INS / "signer-apart.conf") == {
        "Service.SupplementaryGroups": directives(SIGNER)["Service.Group"]
    }


def test_it_may_do_nothing_but_its_work() -> None:
    """An own user, one directory to write in, no privileges, no core files."""
    unit = directives()

    assert unit["Service.User"] == ["watchtower"]
    assert unit["Service.StateDirectory"] == ["watchtower"]
    assert unit["Service.ProtectSystem"] == ["strict"]
    assert unit["Service.CapabilityBoundingSet"] == [""]
    assert unit["Service.NoNewPrivileges"] == ["yes"]
    assert unit["Service.LimitCORE"] == ["0"]
    assert unit["Service.UMask"] == ["0077"]
    assert unit["Service.RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]


def test_the_signer_is_a_process_apart_without_any_network() -> None:
    """Another user, another passphrase, a unix socket alone, and nothing of the daemon's."""
    unit, daemon = directives(SIGNER), directives()

    assert unit["Service.ExecStart"] == ["/opt/watchtower/bin/watchtower signer run"]
    assert unit["Service.PrivateNetwork"] == ["yes"]
    assert unit["Service.RestrictAddressFamilies"] == ["AF_UNIX"]
    assert unit["Service.User"] != daemon["Service.User"]
    assert unit["Service.LoadCredentialEncrypted"] == [
        "passphrase:/etc/watchtower-signer/passphrase.cred"
    ]
    assert unit["Service.InaccessiblePaths"] == ["-/var/lib/watchtower -/etc/watchtower"]
    # The kernel would tell it of nobody that it knows.
    assert "Service.PrivateUsers" not in unit


def test_the_signer_is_shut_in_as_tightly_as_the_daemon() -> None:
    """Whatever the daemon's unit takes away, the signer's does; it waits for nothing else."""
    unit, daemon = directives(SIGNER), directives()
    its_own = {
        "Environment",
        "ExecReload",
        "ExecStart",
        "Group",
        "IPAddressDeny",
        "LoadCredentialEncrypted",
        "PrivateUsers",
        "ReadWritePaths",
        "RestartPreventExitStatus",
        "RestartSec",
        "RestrictAddressFamilies",
        "RuntimeDirectory",
        "SocketBindAllow",
        "StateDirectory",
        "User",
        "WorkingDirectory",
    }
    for name, values in daemon.items():
        section, _, short = name.partition(".")
        if section == "Service" and short not in its_own:
            assert unit[name] == values, name


def test_the_signer_is_not_restarted_for_what_only_a_person_can_mend() -> None:
    """What can befall it of that kind; it has no ticket pool, and knows no network."""
    (codes,) = directives(SIGNER)["Service.RestartPreventExitStatus"]
    others = {errors.TicketPoolError.exit_code, errors.StoreNetworkError.exit_code}
    expected = {error.exit_code for error in FOR_A_PERSON_TO_MEND} - others

    assert {int(code) for code in codes.split()} == {2, *expected}


def test_the_daemon_is_started_behind_the_signer_and_without_it_too() -> None:
    """Where there is no signer apart, its unit is not there."""
    unit = directives()

    assert "watchtower-signer.service" in unit["Unit.After"][0].split()
    assert "watchtower-signer.service" in unit["Unit.Wants"][0].split()
    assert "Unit.Requires" not in unit


def credentials(unit: Path) -> set[str]:
    """Return the lines for credentials, also those that are written down to be taken in."""
    lines = (line.lstrip("# ") for line in unit.read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line.startswith("LoadCredential")}


def test_a_backup_opens_the_store_by_whatever_the_daemon_does() -> None:
    """A store that only a credential `vault_key` or an HSM opens would have no backup else."""
    others = {line for line in credentials(UNIT) if line.startswith("LoadCredential=http.")}

    assert credentials(BACKUP) == credentials(UNIT) - others
    for unit in (BACKUP, ONCE):
        opens = directives(unit)["Service.LoadCredentialEncrypted"]
        assert opens == directives()["Service.LoadCredentialEncrypted"]


def test_a_backup_that_hangs_is_ended_and_another_one_begun() -> None:
    """Systemd waits for a oneshot without end, unless it is told otherwise (systemd.service(5))."""
    unit = directives(BACKUP)

    assert unit["Service.Type"] == ["oneshot"]
    assert unit["Service.TimeoutStartSec"] == ["2h"]
    assert unit["Service.SuccessExitStatus"] == [str(errors.StoreBusyError.exit_code)]


def test_a_backup_is_shut_in_as_tightly_as_the_daemon_and_writes_where_backups_are() -> None:
    """It is the same user, without any network; its folder need not be there."""
    unit, daemon = directives(BACKUP), directives()
    its_own = {
        "ExecReload",
        "ExecStart",
        "IPAddressDeny",
        "NotifyAccess",
        "OOMPolicy",
        "OOMScoreAdjust",
        "ReadWritePaths",
        "Restart",
        "RestartPreventExitStatus",
        "RestartSec",
        "RestrictAddressFamilies",
        "RuntimeDirectory",
        "RuntimeDirectoryMode",
        "SocketBindAllow",
        "TimeoutStartSec",
        "TimeoutStopSec",
        "Type",
        "WatchdogSec",
    }
    for name, values in daemon.items():
        section, _, short = name.partition(".")
        if section == "Service" and short not in its_own:
            assert unit[name] == values, name
    assert unit["Service.PrivateNetwork"] == ["yes"]
    assert unit["Service.RestrictAddressFamilies"] == ["AF_UNIX"]
    assert unit["Service.ReadWritePaths"] == ["-/var/backups/watchtower"]


OF_A_DAEMON = {
    "ExecReload",
    "ExecStart",
    "NotifyAccess",
    "Restart",
    "RestartPreventExitStatus",
    "RestartSec",
    "RuntimeDirectory",
    "RuntimeDirectoryMode",
    "SocketBindAllow",
    "Type",
    "WatchdogSec",
}
"""What is a daemon's alone: it stays, it listens, and somebody watches whether it lives."""


def unlike_the_daemon(path: Path) -> set[str]:
    """Return what the daemon's service says and another one does not, or says otherwise."""
    unit = directives(path)
    return {
        name.partition(".")[2]
        for name, values in directives().items()
        if name.startswith("Service.") and unit.get(name) != values
    }


def test_a_look_is_shut_in_as_tightly_as_the_daemon() -> None:
    """The same user and the same job; it listens nowhere, and nobody watches whether it lives."""
    assert unlike_the_daemon(ONCE) <= OF_A_DAEMON
    unit = directives(ONCE)
    assert unit["Service.ExecStart"] == ["/opt/watchtower/bin/watchtower run --once"]


def test_a_drill_is_shut_in_as_tightly_as_the_daemon() -> None:
    """What it tries is that daemon: the same network, the same store, and no more of anything."""
    its_own = {"OOMPolicy", "OOMScoreAdjust", "ReadWritePaths", "TimeoutStartSec"}
    assert unlike_the_daemon(DRILL) <= OF_A_DAEMON | its_own
    unit = directives(DRILL)
    assert unit["Service.ExecStart"] == ["/opt/watchtower/bin/watchtower drill run --network"]


def test_a_drill_that_hangs_is_ended_and_one_by_hand_is_no_failure() -> None:
    """A failed drill is one: exactly the code of another drill under way is let pass."""
    unit = directives(DRILL)

    assert unit["Service.Type"] == ["oneshot"]
    assert unit["Service.TimeoutStartSec"] == ["2h"]
    assert unit["Service.SuccessExitStatus"] == [str(errors.StoreBusyError.exit_code)]


def test_a_look_that_hangs_is_ended_and_beside_the_daemon_it_is_none() -> None:
    """The timer starts no other while one runs, and the daemon is never stopped for it."""
    unit = directives(ONCE)

    assert unit["Service.Type"] == ["oneshot"]
    assert unit["Service.TimeoutStartSec"] == ["30min"]
    fine = (errors.StoreBusyError, errors.LookStoppedError)
    assert unit["Service.SuccessExitStatus"] == [" ".join(str(e.exit_code) for e in fine)]
    assert "Unit.Conflicts" not in unit


def test_a_look_comes_before_the_shortest_settle_delay_is_over() -> None:
    """Ten minutes, and what was missed while the machine was off is made up for."""
    timer = directives(UNITS / "watchtower-once.timer")

    assert timer["Timer.OnCalendar"] == ["*:0/10"]
    assert timer["Timer.Persistent"] == ["true"]
    assert PolicySettings().min_settle_delay_seconds > 10 * 60


def test_settings_are_read_again_on_a_signal() -> None:
    """`systemctl reload` is SIGHUP to the daemon, and to nobody else in its group."""
    assert directives()["Service.ExecReload"] == ["/bin/kill -HUP $MAINPID"]


@pytest.mark.parametrize("unit", sorted(UNITS.rglob("*.*")), ids=lambda unit: unit.name)
def test_every_line_has_its_reason_beside_it(unit: Path) -> None:
    """A comment stands right above each directive, and is no heading."""
    unexplained, before = [], ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if (
            line
            and not line.startswith(("#", "["))
            and (not before.startswith("#") or before.startswith("# ---"))
        ):
            unexplained.append(line)
        before = line

    # What everybody knows.
    assert [
        line for line in unexplained if not line.startswith(("Description=", "WantedBy="))
    ] == []
