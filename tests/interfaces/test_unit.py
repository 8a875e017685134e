"""The systemd unit says what the daemon relies on, and every line of it is explained."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from watchtower import errors
from watchtower.errors import WatchtowerError

UNIT = Path(__file__).parents[2] / "systemd" / "watchtower.service"

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


def directives() -> dict[str, list[str]]:
    """Return the unit's directives, ``Section.Name``, each with its values in order."""
    found, section = defaultdict(list), ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
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
    expected: tuple[type[WatchtowerError], ...] = FOR_A_PERSON_TO_MEND

    assert [int(code) for code in codes.split()] == [2, *(error.exit_code for error in expected)]


def test_the_passphrase_is_a_credential_and_not_in_the_environment() -> None:
    """Whoever reads the unit or /proc learns no passphrase."""
    unit = directives()

    assert unit["Service.LoadCredential"] == ["passphrase:/etc/watchtower/passphrase"]
    assert unit["Service.Environment"] == ["WATCHTOWER_CONFIG=/etc/watchtower/watchtower.toml"]
    assert "LoadCredentialEncrypted=" in UNIT.read_text(encoding="utf-8")


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


def test_every_group_of_lines_is_explained() -> None:
    """No directive stands without a comment above its group (the section's own names apart)."""
    unexplained, explained = [], False
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            explained = True
        elif not line or line.startswith("["):
            explained = line.startswith(("[Unit]", "[Install]"))
        elif not explained:
            unexplained.append(line)

    assert unexplained == []
