"""Each procedure of the page of emergencies is typed on a host that has that very emergency.

The host is a folder with a store, backups elsewhere and a daemon that runs on the ledger in a box.
Only what a test has no right to is played: ``systemctl`` starts and stops the one daemon and waits
until it guards, as for a unit of type notify, and there is no other user to become. A procedure
starts a daemon or two, each of which waits for ledgers; that takes some seconds, and is what is
tried.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.docs.pages import Shell, follow, shell
from tests.docs.test_formats import DOCS
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.units import ChannelId, Drops

TEXT = (DOCS / "recovering.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
XRP = 1_000_000
TF_CLOSE = 0x00020000

SYSTEMCTL = """#!/bin/sh
# The one service that there is. It is started once the daemon says that it guards.
stop() {
  kill "$(cat {at}/pid)" && while kill -0 "$(cat {at}/pid)" 2> /dev/null; do sleep 0.1; done
}
start() {
  : > {at}/log
  WATCHTOWER_CONFIG={at}/etc/watchtower.toml watchtower run > /dev/null 2>> {at}/log &
  echo $! > {at}/pid
  until grep -q '"event": "guarding"' {at}/log; do
    kill -0 "$(cat {at}/pid)" || exit 1
    sleep 0.1
  done
}
case "$*" in
  "start watchtower") start ;;
  "stop watchtower") stop ;;
  "restart watchtower") stop; start ;;
  *) exit 1 ;;
esac
"""
RUNUSER = """#!/bin/sh
# runuser -u NAME -- COMMAND: whoever is to do it, it is done by us.
shift 3
exec "$@"
"""


def section(heading: str) -> str:
    """What stands below a heading, without what stands below a smaller one."""
    return re.split(r"^##+ ", TEXT.partition(f"\n{heading}\n")[2], flags=re.MULTILINE)[0]


@dataclass
class Host:
    """A host of a tower, and the payer of its channel."""

    at: Path
    box: Sandbox
    second: Sandbox
    hand: Hand
    console: Shell
    more: dict[str, str] = field(default_factory=dict)
    payer: Person = field(default_factory=lambda: Person.named("a payer"))
    payee: Person = field(default_factory=lambda: Person.named("a payee"))
    key: Person = field(default_factory=lambda: Person.named("a regular key"))
    channel: ChannelId = field(init=False)

    @property
    def store(self) -> Path:
        """Where the store is."""
        return self.at / "lib" / "watchtower.db"

    async def do(self, command: str) -> str:
        """Type something that the page does not have, which has to end well."""
        assert await self.console.run(command) == 0, (command, self.console.said)
        return self.console.said

    async def follow(self, heading: str) -> None:
        """Do what stands below a heading of the page, on this host."""
        text = section(heading)
        for there, here in self.places.items():
            text = text.replace(there, here)
        await follow(text, self.console)

    @property
    def places(self) -> dict[str, str]:
        """What is called otherwise here than on the page."""
        return {
            "/var/lib/watchtower": f"{self.at}/lib",
            "/etc/watchtower": f"{self.at}/etc",
            "/opt/watchtower/bin": str(BIN),
            "/media/stick": f"{self.at}/stick",
            " -o watchtower": "",
            "chgrp watchtower ": ": ",
            "rYourAccount…": self.payee.address,
            **self.more,
        }

    def claim(self, xrp: float) -> str:
        """The arguments of a claim."""
        drops = Drops(int(xrp * XRP))
        return f"{self.channel} {drops} {self.payer.sign_claim(self.channel, drops)}"

    def break_records(self, table: str) -> None:
        """Break what a table of the store has, as a bad disk would."""
        with closing(sqlite3.connect(self.store)) as file:
            assert file.execute(f"UPDATE {table} SET sealed = zeroblob(80)").rowcount  # noqa: S608 - ours
            file.commit()

    async def begin(self, servers: list[str]) -> None:
        """Set a tower up that runs, with a backup of a claim for 1.5 XRP."""
        for folder in ("lib", "etc", "stick", "bin"):
            (self.at / folder).mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("runuser", RUNUSER)):
            (self.at / "bin" / name).write_text(text.replace("{at}", str(self.at)), "utf-8")
            (self.at / "bin" / name).chmod(0o755)
        await self.hand.fund(self.payer, self.payee)
        named = {"TransactionType": "SetRegularKey", "RegularKey": self.key.address}
        await self.hand.settle(named, self.payee)
        self.channel = await self.hand.create_channel(self.payer, self.payee, 50 * XRP, 86_400)
        await self.do(f"umask 077; cd {self.at}/lib; echo 'correct horse' > ../etc/passphrase")
        named_servers = " ".join(f"--server {url}" for url in servers)
        await self.do(f"watchtower init --account {self.payee.address} {named_servers}")
        (self.at / "etc" / "seed").write_text(self.key.seed, "utf-8")
        (self.at / "etc" / "seed").chmod(0o600)
        await self.do(
            f"watchtower key import --account {self.payee.address} --regular-key"
            f" --seed-file {self.at}/etc/seed"
        )
        told = await self.do(f"watchtower backup key {self.at}/stick/watchtower-backup.key --json")
        recipient = msgspec.json.decode(told)["recipient"]
        made = (self.at / "lib" / "watchtower.toml").read_text("utf-8")
        made = re.sub(r"^store = .*", f'store = "{self.store}"', made, flags=re.MULTILINE)
        made += f'\n[backup]\nrecipients = ["{recipient}"]\nfolder = "{self.at}/lib/backups"\n'
        (self.at / "etc" / "watchtower.toml").write_text(made, "utf-8")
        (self.at / "lib" / "watchtower.toml").unlink()
        await self.do(f"export WATCHTOWER_CONFIG={self.at}/etc/watchtower.toml")
        await self.do(f"watchtower claim add {self.claim(1.5)}")
        await self.do("watchtower backup create")
        await self.do("systemctl start watchtower")
        (begun,) = re.findall(r"^# tower\(\).*", TEXT, re.MULTILINE)
        for there, here in self.places.items():
            begun = begun.replace(there, here)
        await self.do(begun.removeprefix("# "))


@asynccontextmanager
async def host(at: Path) -> AsyncIterator[Host]:
    """Give a host with two servers, whose tower has stopped."""
    environment = {
        "PATH": f"{at}/bin:{BIN}:{os.defpath}",
        "PYTHONPATH": str(DOCS.parent),
        "WATCHTOWER_PASSPHRASE_FILE": f"{at}/etc/passphrase",
    }
    async with (
        Sandbox(clock=Clock.WALL, close_every=1) as box,
        Sandbox(beside=box) as second,
        Hand(box.url) as hand,
        shell(at, environment) as console,
    ):
        made = Host(at=at, box=box, second=second, hand=hand, console=console)
        await made.begin([box.url, second.url])
        yield made


async def test_a_store_is_brought_back_from_every_emergency_of_the_page(tmp_path: Path) -> None:
    """Broken records of channels, broken claims, a lost host: one after the other, on one host."""
    async with host(tmp_path) as here:
        await here.follow("## First of all")
        await here.follow("## The disk is full")
        await here.follow("## The clock is wrong")

        here.break_records("open_channels")
        await here.follow("## The store is broken")
        assert "1.5 XRP" in await here.do("tower claim list")

        await here.do(f"tower claim add {here.claim(2.5)}")
        here.break_records("claims")
        await here.follow("### Claims, keys or the journal are broken")
        assert (tmp_path / "lib" / "broken" / "watchtower.db").exists()
        here.more["CHANNEL AMOUNT SIGNATURE"] = here.claim(2.5)
        await here.follow("## After a restore")
        assert "2.5 XRP" in await here.do("tower claim list")

        # Another host has nothing but what was on the stick, and another passphrase.
        await here.do("systemctl stop watchtower")
        await here.do("mv backups ../etc/watchtower.toml ../stick/ && rm -r ../lib/* ../etc/*")
        await here.do("echo 'battery staple' > ../etc/passphrase; chmod 600 ../etc/passphrase")
        await here.follow("## The host is lost")


async def test_a_tower_goes_on_after_every_emergency_of_the_page(tmp_path: Path) -> None:
    """It was off while somebody left, its servers went away, its key was stolen: on one host."""
    async with (
        host(tmp_path) as here,
        Sandbox(beside=here.box) as third,
        Sandbox(beside=here.box) as fourth,
    ):
        await here.do("systemctl stop watchtower")
        asked = {"TransactionType": "PaymentChannelClaim", "Channel": here.channel}
        await here.hand.settle(asked | {"Flags": TF_CLOSE}, here.payer)
        await here.follow("## The tower was off")
        found = await here.hand.request("ledger_entry", payment_channel=here.channel)
        assert found["node"]["Balance"] == str(int(1.5 * XRP))

        seed = tmp_path / "lib" / "master.seed"
        seed.write_text(here.payee.seed, "utf-8")
        seed.chmod(0o600)
        await here.follow("## A key was stolen")
        told = await here.hand.request("account_info", account=here.payee.address)
        assert told["account_data"]["RegularKey"] != here.key.address
        assert not seed.exists()

        for gone in (here.box, here.second):
            gone.misbehave(refuse_connections=True)
            gone.cut()
        here.more |= {"wss://three.example": third.url, "wss://four.example": fourth.url}
        await here.follow("## No server answers")
