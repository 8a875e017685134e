"""What happens on the machine: the watchtower is installed for real, and has a hard day.

``python -m tests.under_systemd.story WHEELS``, within the machine. scripts/install makes users,
program, store and units as on any host; the ledger is the sandbox, on the machine's loopback.
Each step is told in a sentence when it is over; the last line is JSON.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from watchtower.logs import configure
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.units import ChannelId, Drops

ROOT: Final = Path(__file__).parents[2]
ETC: Final = Path("/etc/watchtower")
CONFIG: Final = ETC / "watchtower.toml"
UNITS: Final = Path("/etc/systemd/system")
STORE: Final = Path("/var/lib/watchtower/watchtower.db")
PROGRAM: Final = Path("/opt/watchtower")
TOWER: Final = "/opt/watchtower/bin/watchtower"
PASSPHRASE: Final = "correct horse"
PAYER, PAYEE, KEY = (Person.named(f"under systemd: {who}") for who in ("payer", "payee", "key"))
XRP: Final = 1_000_000
_TF_CLOSE: Final = 0x00020000
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.2


class Wrong(Exception):  # noqa: N818 - a turn of events, told in a sentence
    """Something is not as it should be."""


def demand(holds: bool, why: object) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse to go on unless something holds."""
    if not holds:
        raise Wrong(str(why))


async def command(*words: str, lines: str = "", may_fail: bool = False) -> str:
    """Run a command, and return all that it said.

    Raises:
        Wrong: it failed, and may not.
    """
    process = await asyncio.create_subprocess_exec(
        *words, stdin=PIPE, stdout=PIPE, stderr=STDOUT, cwd=ROOT
    )
    told, _ = await process.communicate(lines.encode())
    text = told.decode(errors="replace")
    demand(may_fail or process.returncode == 0, f"{' '.join(words)}: {text}")
    return text


async def shown(unit: str, name: str) -> str:
    """Return a property of a unit, as systemd has it."""
    return (await command("systemctl", "show", unit, "--property", name, "--value")).strip()


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + _PATIENCE
    while not await condition():
        demand(time.monotonic() < end, f"{what} did not come about in {_PATIENCE:.0f} s")
        await asyncio.sleep(_LOOK_EVERY)


async def until_shown(unit: str, **wanted: str) -> None:
    """Wait until properties of a unit are these."""

    async def are_there() -> bool:
        return all([await shown(unit, name) == value for name, value in wanted.items()])

    await until(are_there, f"{unit}: {wanted}")


async def tower(*words: str, lines: str = "") -> str:
    """Run a command of the watchtower as its own user, who knows the passphrase."""
    variables = (f"WATCHTOWER_CONFIG={CONFIG}", f"WATCHTOWER_PASSPHRASE={PASSPHRASE}")
    user = ("runuser", "-u", "watchtower", "--", "env", "-C", "/var/lib/watchtower", *variables)
    return await command(*user, TOWER, *words, lines=lines)


def add_to_settings(text: str) -> None:
    """Append to the configuration, which stays root's."""
    with CONFIG.open("a", encoding="utf-8") as file:
        file.write(text)


@dataclass
class Day:
    """One day of a tower, and what came of each step of it."""

    sandbox: Sandbox
    hand: Hand
    wheels: str
    told: list[dict[str, object]] = field(default_factory=list)

    async def live(self) -> bool:
        """Take every step; return whether all went well. The first that does not is the last."""
        steps = (
            self.is_installed,
            self.is_paid,
            self.is_paid_though_it_is_killed,
            self.is_watched,
            self.reads_settings_again,
            self.stops_and_starts,
            self.waits_for_a_person,
            self.is_backed_up,
            self.is_drilled,
            self.is_kept_by_installing_again,
            self.looks_once,
            self.is_uninstalled,
        )
        for step in steps:
            begun, why = time.monotonic(), ""
            try:
                sentence = await step()
            except Wrong as wrong:
                sentence, why = f"{step.__name__}: {wrong}", str(wrong)
            seconds = round(time.monotonic() - begun, 1)
            sys.stdout.write(f"{'✗' if why else '✓'} {sentence} ({seconds} s)\n")
            sys.stdout.flush()
            self.told.append({"step": step.__name__, "seconds": seconds, "ok": not why})
            if why:
                sys.stdout.write(await command("journalctl", "--no-pager", "-n", "40"))
                return False
        return True

    async def install(self, *words: str) -> str:
        """Run scripts/install, which has to end well."""
        return await command(
            "env", "-u", "PYTHONPATH", "scripts/install", "--wheels", self.wheels, *words
        )

    async def is_installed(self) -> str:
        """Users, program, store, units and passphrase come about; systemd hears that it guards."""
        await self.hand.fund(PAYER, PAYEE)
        named = {"TransactionType": "SetRegularKey", "RegularKey": KEY.address}
        await self.hand.settle(named, PAYEE)
        ETC.mkdir()
        (ETC / "passphrase").touch(mode=0o600)
        (ETC / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
        servers = ("--server", self.sandbox.url, "--server", self.sandbox.url + "/second")
        said = await self.install("--account", PAYEE.address, *servers)
        demand(not (ETC / "passphrase").exists(), "the passphrase is still there in plain")
        mode = (ETC / "passphrase.cred").stat().st_mode & 0o777
        demand(mode == 0o600, f"the encrypted passphrase has mode {mode:04o}")
        # The doctor, at the end of it, has the credential as well.
        demand("The store opens by passphrase" in said, said)
        await until_shown("watchtower", ActiveState="active", SubState="running")
        demand(await shown("watchtower", "StatusText") != "", "no word in `systemctl status`")
        imported = ("key", "import", "--account", PAYEE.address, "--regular-key")
        await tower(*imported, "--seed-file", "-", lines=KEY.seed)
        return "installed; the passphrase is a credential; systemd was told that it guards"

    async def is_paid(self) -> str:
        """The whole job is done behind everything that the unit shuts."""
        await self._pay(await self._promised())
        return "a channel was closed, and redeemed by the service"

    async def is_paid_though_it_is_killed(self) -> str:
        """Killed with a claim owed: started again, by systemd, and paid."""
        channel = await self._promised()
        process = int(await shown("watchtower", "MainPID"))
        await self._ask_to_close(channel)
        os.kill(process, signal.SIGKILL)
        await until_shown("watchtower", NRestarts="1", ActiveState="active")
        await self._until_paid(channel)
        return "killed with SIGKILL while a channel closed; started again, and paid"

    async def is_watched(self) -> str:
        """One that hangs gives no sign of life, is killed for it, and started again."""
        drop_in = UNITS / "watchtower.service.d" / "90-impatient.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text("[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\n", encoding="utf-8")
        await command("systemctl", "daemon-reload")
        await command("systemctl", "restart", "watchtower")
        await asyncio.sleep(2 * 3)  # it is fed, or this would have been its end
        demand(await shown("watchtower", "NRestarts") == "0", "the watchdog bit a living daemon")
        os.kill(int(await shown("watchtower", "MainPID")), signal.SIGSTOP)
        await until_shown("watchtower", NRestarts="1", ActiveState="active")
        drop_in.unlink()
        await command("systemctl", "daemon-reload")
        await command("systemctl", "restart", "watchtower")
        return "hung (SIGSTOP) and was killed by the watchdog; started again"

    async def reads_settings_again(self) -> str:
        """A reload that succeeds, and one that is refused, both without another process."""
        process, good = await shown("watchtower", "MainPID"), CONFIG.read_text(encoding="utf-8")
        add_to_settings("\n[policy]\nmargin_seconds = 90\n")
        await command("systemctl", "reload", "watchtower")
        await until(lambda: _logged("settings_read_again"), "settings_read_again")
        CONFIG.write_text("nonsense = 1\n" + good, encoding="utf-8")
        await command("systemctl", "reload", "watchtower")

        async def refused() -> bool:
            return "not taken up" in await shown("watchtower", "StatusText")

        await until(refused, "the status line that says what was not taken up")
        CONFIG.write_text(good, encoding="utf-8")
        await command("systemctl", "reload", "watchtower")
        demand(await shown("watchtower", "MainPID") == process, "a reload ended the daemon")
        return "settings were read again, and bad ones refused in `systemctl status`"

    async def stops_and_starts(self) -> str:
        """Within its time, and with success."""
        begun = time.monotonic()
        await command("systemctl", "stop", "watchtower")
        seconds = time.monotonic() - begun
        demand(await shown("watchtower", "Result") == "success", "stopping was no success")
        demand(await shown("watchtower", "TimeoutStopUSec") == "30s", "the unit has another limit")
        await command("systemctl", "start", "watchtower")
        return f"stopped in {seconds:.1f} s with success, and started"

    async def waits_for_a_person(self) -> str:
        """A wrong passphrase is not tried again and again; the right one is taken."""
        sealed = ETC / "passphrase.cred"
        right = sealed.read_bytes()
        encrypt = ("systemd-creds", "encrypt", "--name=passphrase", "-", str(sealed))
        await command(*encrypt, lines="wrong")
        await command("systemctl", "restart", "watchtower", may_fail=True)
        await until_shown("watchtower", ActiveState="failed", ExecMainStatus="22", NRestarts="0")
        sealed.write_bytes(right)
        await command("systemctl", "start", "watchtower")
        return "with a wrong passphrase it failed once (exit code 22), and waits for a person"

    async def is_backed_up(self) -> str:
        """Once somebody can read backups, installing again switches their timer on."""
        said = await tower("backup", "key", "/var/lib/watchtower/backup.key")
        recipient = next(word for word in said.split('"') if word.startswith("age1"))
        add_to_settings(
            f'\n[backup]\nrecipients = ["{recipient}"]\nfolder = "/var/lib/watchtower/backups"\n'
        )
        await self.install()
        await until_shown("watchtower-backup.timer", ActiveState="active")
        await command("systemctl", "start", "watchtower-backup.service")
        made = [*STORE.with_name("backups").iterdir()]
        # The timer, which is just switched on, may have had one made as well.
        demand(len(made) >= 1, "there is no backup")
        return "the timer of backups is on, and its service made one"

    async def is_drilled(self) -> str:
        """The service of drills opens a channel, closes it, and sees the daemon redeem it."""
        canary = Person.named("under systemd: canary")
        await self.hand.fund(canary)
        await tower("drill", "setup", "--seed-file", "-", lines=canary.seed)
        # A sandbox says of itself that it is network 0, as mainnet does.
        add_to_settings(f'\n[drill]\npayer = "{canary.address}"\nallow_mainnet = true\n')
        await command("systemctl", "reload", "watchtower")
        await command("systemctl", "start", "watchtower-drill.service")
        demand("1 XRP paid" in await command("journalctl", "-u", "watchtower-drill"), "no drill")
        return "a drill by its service was paid"

    async def is_kept_by_installing_again(self) -> str:
        """What is up to date stays as it is."""
        process = await shown("watchtower", "MainPID")
        said = await self.install()
        demand("The program is up to date." in said, said)
        demand(await shown("watchtower", "MainPID") == process, "it was started anew for nothing")
        return "installing again left it running as it was"

    async def looks_once(self) -> str:
        """The timer takes the daemon's place, and its look redeems; and back."""
        channel = await self._promised()
        await self.install("--once")
        await until_shown("watchtower", ActiveState="inactive", UnitFileState="disabled")
        await until_shown("watchtower-once.timer", ActiveState="active")
        await self._ask_to_close(channel)
        await command("systemctl", "start", "watchtower-once.service")
        demand(await shown("watchtower-once", "Result") == "success", "the look failed")
        await self._until_paid(channel)
        await self.install("--daemon")
        await until_shown("watchtower-once.timer", ActiveState="inactive")
        await until_shown("watchtower", ActiveState="active", UnitFileState="enabled")
        return "a timer that looks once took its place, redeemed, and gave it back"

    async def is_uninstalled(self) -> str:
        """Services and program are gone; store and settings are not."""
        await command("scripts/uninstall")
        left = [unit.name for unit in UNITS.glob("watchtower*")]
        demand(not left, f"units that stayed: {left}")
        demand(not PROGRAM.exists(), "the program stayed")
        demand(STORE.exists(), "the store is gone")
        return "uninstalled; store and settings are there"

    async def _promised(self) -> ChannelId:
        """Open a channel, and hand over a claim for half of it."""
        channel = await self.hand.create_channel(PAYER, PAYEE, 10 * XRP, 3600)
        claim = {
            "channel": channel,
            "amount": str(5 * XRP),
            "signature": PAYER.sign_claim(channel, Drops(5 * XRP)),
            "public_key": PAYER.public_key,
        }
        await tower("claim", "add", "-", lines=msgspec.json.encode(claim).decode())
        return channel

    async def _ask_to_close(self, channel: ChannelId) -> None:
        close = {
            "TransactionType": "PaymentChannelClaim",
            "Channel": channel,
            "Flags": _TF_CLOSE,
        }
        await self.hand.settle(close, PAYER)

    async def _pay(self, channel: ChannelId) -> None:
        await self._ask_to_close(channel)
        await self._until_paid(channel)

    async def _until_paid(self, channel: ChannelId) -> None:
        async def is_paid() -> bool:
            found = await self.hand.request(
                "ledger_entry", payment_channel=channel, ledger_index="validated"
            )
            return int(found["node"]["Balance"]) == 5 * XRP

        await until(is_paid, "the payment")


async def _logged(event: str) -> bool:
    return f'"event": "{event}"' in await command("journalctl", "-u", "watchtower", "-o", "cat")


async def main(wheels: str) -> int:
    """Return the exit code."""
    begun = time.monotonic()
    configure(level="error", as_json=True)
    async with (
        Sandbox(clock=Clock.WALL, port=6006, close_every=1) as sandbox,
        Hand(sandbox.url) as hand,
    ):
        day = Day(sandbox, hand, wheels)
        went_well = await day.live()
    version = (await command("systemctl", "--version")).split()[1]
    told = {"systemd": version, "steps": day.told, "seconds": round(time.monotonic() - begun, 1)}
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
