"""scripts/install and scripts/uninstall, run for real below a folder of the test's own.

Everything is as on a host but for three things: there are no users to make, packages are those of
this interpreter (so that no network is asked), and systemctl is a small script that starts the
program that is installed. Each installation makes a virtual environment and builds the project;
that takes some seconds, and is what is tried.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct horse"
ACCOUNT = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"

SYSTEMCTL = """#!/bin/sh
# Notes what it is asked. To start the daemon is to run it once: nobody answers at its server (30),
# which need not be waited for.
at={at}
config=$at/etc/watchtower/watchtower.toml
echo "$*" >> "$at/asked"
case "$*" in
  "restart watchtower.service"|"start watchtower.service")
    grep -q request_timeout "$config" ||
      printf '\\n[ledger]\\nrequest_timeout_seconds = 0.2\\n' >> "$config"
    WATCHTOWER_CONFIG="$config" \\
      WATCHTOWER_PASSPHRASE_FILE="$at/etc/watchtower/passphrase" \\
      "$at/opt/watchtower/bin/watchtower" run --once > "$at/started" 2>&1
    [ $? = 30 ] ;;
  "--quiet is-enabled watchtower-once.timer") exit 1 ;;
esac
"""


class Host:
    """A host below a folder, and a clone of the project to install from."""

    def __init__(self, folder: Path) -> None:
        self.at, self.clone = folder / "host", folder / "clone"
        systemctl = self.at / "usr" / "bin" / "systemctl"
        systemctl.parent.mkdir(parents=True)
        systemctl.write_text(SYSTEMCTL.format(at=self.at), encoding="utf-8")
        systemctl.chmod(0o755)
        self.etc = self.at / "etc" / "watchtower"
        self.etc.mkdir(parents=True)
        (self.etc / "passphrase").touch(mode=0o600)
        (self.etc / "passphrase").write_text(f"{PASSPHRASE}\n", encoding="utf-8")
        self.units = self.at / "etc" / "systemd" / "system"
        self.program = self.at / "opt" / "watchtower"
        self.store = self.at / "var" / "lib" / "watchtower" / "watchtower.db"
        self.config = self.etc / "watchtower.toml"

    def copy_project(self) -> None:
        """Make a clone that can be changed, and that pins nothing that a network would give."""
        self.clone.mkdir()
        for name in (
            "scripts",
            "systemd",
            "config",
            "requirements",
            "watchtower",
            "manual",
            "docs",
        ):
            shutil.copytree(
                ROOT / name, self.clone / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, self.clone)
        for pinned in (self.clone / "requirements").iterdir():
            pinned.write_text("", encoding="utf-8")

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the clone, or of the project itself where there is none."""
        tree = self.clone if self.clone.exists() else ROOT
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")}
        environment["PYTHONPATH"] = sysconfig.get_path("purelib")
        return subprocess.run(
            (str(tree / "scripts" / script), "--root", str(self.at), *arguments),
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )

    def install(self, *arguments: str) -> str:
        """Install, which has to end well; return what was said."""
        told = self.run("install", *arguments)
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    def begin(self) -> str:
        """Install for the first time; return what was said."""
        self.copy_project()
        return self.install("--account", ACCOUNT, "--server", "ws://127.0.0.1:1")

    def watchtower(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program that is installed."""
        return subprocess.run(
            (str(self.program / "bin" / "watchtower"), *arguments),
            check=False,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": sysconfig.get_path("purelib"),
                "WATCHTOWER_CONFIG": str(self.config),
                "WATCHTOWER_PASSPHRASE_FILE": str(self.etc / "passphrase"),
            },
        )

    def keep_backups(self) -> Path:
        """Name somebody who can read backups, and where they are."""
        key = self.at / "backup.key"
        told = self.watchtower("backup", "key", str(key))
        recipient = next(word for word in told.stdout.split('"') if word.startswith("age1"))
        folder = self.at / "backups"
        with self.config.open("a", encoding="utf-8") as config:
            config.write(f'\n[backup]\nrecipients = ["{recipient}"]\nfolder = "{folder}"\n')
        return folder

    def change(self, module: str, more: str) -> None:
        """Make the clone another version."""
        with (self.clone / "watchtower" / module).open("a", encoding="utf-8") as source:
            source.write(f"\n{more}\n")

    @property
    def asked(self) -> list[str]:
        """What systemctl was told to do, in order."""
        told = (self.at / "asked").read_text(encoding="utf-8").splitlines()
        return [line for line in told if not line.startswith("--quiet")]

    def settled(self) -> dict[str, bytes | str]:
        """What an installation decides: everything but what the daemon writes."""
        return {
            name: held
            for name, held in self.everything().items()
            if name != "started" and not name.startswith("var/")
        }

    def everything(self) -> dict[str, bytes | str]:
        """Every file of the host but those of the program's environments, and what they hold."""
        found: dict[str, bytes | str] = {}
        for path in sorted(self.at.rglob("*")):
            inside = path.relative_to(self.at).as_posix()
            if path.is_symlink():
                found[inside] = str(path.readlink())
            elif path.is_file() and not inside.startswith("opt/") and inside != "asked":
                found[inside] = path.read_bytes()
        return found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host with nothing installed, and a passphrase that root wrote down."""
    made = Host(tmp_path)
    yield made
    shutil.rmtree(made.at, ignore_errors=True)


@pytest.mark.walk
def test_installing_twice_is_installing_once_and_uninstalling_leaves_the_keys(host: Host) -> None:
    """The store opens, the daemon starts, the units are ours, and nothing of yours is touched."""
    told = host.begin()
    assert f"Wrote {host.config} and the store {host.store}.\n" in told
    assert "first.toml" not in told, "the place where it was made, where nothing is any more"
    assert host.asked[-2:] == ["enable watchtower.service", "restart watchtower.service"]
    assert host.watchtower("key", "identity").returncode == 0
    assert f'store = "{host.store}"' in host.config.read_text(encoding="utf-8")
    assert [path.stat().st_mode & 0o777 for path in (host.store.parent, host.config)] == [
        0o700,
        0o640,
    ]
    for unit in (
        "watchtower.service",
        *(f"watchtower-{x}.timer" for x in ("backup", "drill", "once")),
    ):
        assert (host.units / unit).read_bytes() == (ROOT / "systemd" / unit).read_bytes()
    # Nothing is encrypted in a trial, so that the units are told where the passphrase lies.
    beside = host.units / "watchtower.service.d"
    assert [path.name for path in beside.iterdir()] == ["10-plain-passphrase.conf"]
    (beside / "override.conf").write_text("[Service]\nNice=-1\n", encoding="utf-8")

    before = host.settled()
    host.install()
    assert host.asked[-1] == "start watchtower.service"
    assert host.settled() == before

    for _ in range(2):
        assert host.run("uninstall").returncode == 0
    assert not host.program.exists()
    assert [path.name for path in host.units.rglob("*") if path.is_file()] == ["override.conf"]
    assert host.store.exists()
    assert host.config.exists()

    mistyped = host.run("uninstall", "--purge", "/var/lib/watchtower")
    assert (mistyped.returncode, host.store.exists()) == (1, True)
    host.run("uninstall", "--purge", str(host.store))
    assert not host.store.parent.exists()
    assert not host.etc.exists()


@pytest.mark.walk
def test_an_upgrade_has_a_backup_behind_it_and_a_way_back_before_it(host: Host) -> None:
    """Refused without a backup, taken back if it does not start, and kept both ways after all."""
    host.begin()
    old = host.program.readlink()
    daemon = (host.clone / "watchtower" / "daemon.py").read_text(encoding="utf-8")
    host.change(
        "daemon.py", "async def run(*_: object, **__: object) -> None:\n    raise ValueError"
    )
    unit = host.clone / "systemd" / "watchtower.service"
    unit.write_text(f"{unit.read_text(encoding='utf-8')}# another version\n", encoding="utf-8")
    before = host.settled()
    refused = host.run("install")
    assert refused.returncode == 1
    assert "Set backup.recipients (docs/backup.md), or say --without-backup" in refused.stderr
    assert host.settled() == before
    assert "stop watchtower.service" not in host.asked

    backups = host.keep_backups()
    failed = host.run("install")
    assert failed.returncode == 1
    assert "The one of before is back and was started" in failed.stderr
    assert len(list(backups.iterdir())) == 1
    assert (host.program.readlink(), [path.name for path in old.parent.iterdir()]) == (
        old,
        [old.name],
    )
    assert "another version" not in (host.units / unit.name).read_text(encoding="utf-8")
    assert host.asked[-1] == "start watchtower.service"

    (host.clone / "watchtower" / "daemon.py").write_text(f"{daemon}# newer\n", encoding="utf-8")
    host.install()
    new = host.program.readlink()
    assert "# newer" in (host.program / _site() / "daemon.py").read_text(encoding="utf-8")
    assert "another version" in (host.units / unit.name).read_text(encoding="utf-8")
    assert host.asked[-1] == "enable --now watchtower-backup.timer"
    assert len(list(backups.iterdir())) == 2

    # The older of the two is of the days before there was a manual.
    shutil.rmtree(old / "share")
    share = host.at / "usr" / "local" / "share"
    for version, has_manual in ((old, False), (new, True)):
        host.install("--rollback")
        assert host.program.readlink() == version
        assert host.asked[-1] == "start watchtower.service"
        links = [path for path in share.rglob("*") if path.is_symlink()]
        assert bool(links) is has_manual
        assert [link for link in links if not link.exists()] == []


def _site() -> str:
    """Where the package is, in a virtual environment."""
    library = Path(sysconfig.get_path("purelib")).relative_to(Path(sysconfig.get_path("data")))
    return str(library / "watchtower")


@pytest.mark.parametrize("script", ["install", "uninstall"])
def test_a_dry_run_does_nothing(host: Host, script: str) -> None:
    """It says each step, and leaves the host as it was."""
    before = host.everything()
    told = host.run(script, "--dry-run")

    assert told.returncode == 0, told.stderr
    assert "would run: " in told.stdout
    assert host.everything() == before
    assert not (host.at / "opt").exists()


def test_a_dry_run_says_what_would_come_of_just_these_words(host: Host) -> None:
    """With an account it goes through to the service; without, it says what to type next."""
    named = ("--account", ACCOUNT, "--server", "ws://127.0.0.1:1")
    whole = host.run("install", "--dry-run", *named).stdout
    assert f"would make: {host.config} and {host.store}" in whole
    assert whole.index("enable watchtower.service") < whole.index("restart watchtower.service")
    assert "Next:" not in whole
    assert whole.splitlines()[-1].startswith(f"Nothing was done. Without --dry-run, {host.program}")

    for words in (("--dry-run",), ()):
        if not words:
            host.copy_project()
        told = host.run("install", *words).stdout.splitlines()[-1]
        assert f" Next: scripts/install --root {host.at} --account rYourAccount… --server " in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--with", "toast"), "--with knows mqtt and hsm, not toast."),
        (("--account", ACCOUNT), "With --account name a server"),
        (("--wrong",), "--wrong is no option"),
        (("--rollback",), "There is no version of before to go back to."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    host: Host, arguments: tuple[str, ...], sentence: str
) -> None:
    """Before anything is changed."""
    told = host.run("install", *arguments)

    assert told.returncode == 1
    assert told.stderr.startswith("error: ")
    assert sentence in told.stderr


def test_the_encrypted_passphrase_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """Also one that an earlier version left open; it decrypts, and the plain one is gone."""
    if shutil.which("systemd-creds") is None:
        pytest.skip("systemd-creds is not on this machine")
    script = (ROOT / "scripts" / "install").read_text(encoding="utf-8")
    functions = [
        re.findall(rf"^{name}\(\) \{{.*?^\}}", script, re.MULTILINE | re.DOTALL)[0]
        for name in ("say", "run", "can_encrypt", "settle_passphrase")
    ]
    settle = f"settle_passphrase {tmp_path} plain-passphrase watchtower.service"
    lines = ["set -euo pipefail", "root='' dry=''", f"units={tmp_path}", *functions, settle]

    def settled() -> str:
        # A key of the host that is the test's own.
        return subprocess.run(
            ("bash", "-c", "\n".join(lines)),
            cwd=ROOT,
            env={**os.environ, "SYSTEMD_CREDENTIAL_SECRET": str(tmp_path / "host.key")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    plain, encrypted = tmp_path / "passphrase", tmp_path / "passphrase.cred"
    plain.touch(mode=0o600)
    plain.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    before = os.umask(0o022)
    try:
        assert "is encrypted for this host" in settled()
        assert stat.S_IMODE(encrypted.stat().st_mode) == 0o600
        assert not plain.exists()
        encrypted.chmod(0o644)
        settled()
        assert stat.S_IMODE(encrypted.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_packages_are_installed_by_hash_and_as_wheels_alone() -> None:
    """The trials above take theirs from elsewhere; a host takes what requirements/ pins."""
    text = (ROOT / "scripts" / "install").read_text(encoding="utf-8")

    assert "--require-hashes --only-binary :all:" in text
    assert "-r requirements/build.txt -r requirements/run.txt" in text


def test_scripts_have_no_fault_that_shellcheck_knows() -> None:
    """As scripts/check asks it."""
    found = shutil.which("shellcheck")
    if found is None:
        pytest.fail("shellcheck is missing; install it: sudo apt-get install shellcheck")
    scripts = sorted(str(path) for path in (ROOT / "scripts").iterdir() if path.is_file())
    told = subprocess.run(
        (found, "--external-sources", "--source-path=SCRIPTDIR", *scripts),
        check=False,
        capture_output=True,
        text=True,
    )

    assert (told.returncode, told.stdout) == (0, "")
