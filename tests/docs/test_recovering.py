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
import pytest

from tests.docs.pages import Shell, follow, shell
from tests.docs.test_formats import DOCS
from tests.store.make import CHEAP, PASSPHRASE
from watchtower.keys.identity import make_identity
from watchtower.keys.vault import Vault
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.store.database import Store
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

pytestmark = pytest.mark.walk


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
        secret = self.at / "etc" / "passphrase"
        secret.touch(mode=0o600)
        secret.write_text(f"{PASSPHRASE}\n", "utf-8")
        async with await Store.create(self.store, PASSPHRASE, cost=CHEAP) as store:
            await make_identity(store)
            await Vault(store).import_seed(self.payee.address, self.key.seed, regular_key=True)
        settings = self.at / "etc" / "watchtower.toml"
        listed = ", ".join(f'"{url}"' for url in servers)
        settings.write_text(
            f'accounts = ["{self.payee.address}"]\nservers = [{listed}]\nstore = "{self.store}"\n',
            "utf-8",
        )
        await self.do(f"cd {self.at}/lib; export WATCHTOWER_CONFIG={settings}")
        told = await self.do(f"watchtower backup key {self.at}/stick/watchtower-backup.key --json")
        recipient = msgspec.json.decode(told)["recipient"]
        with settings.open("a", encoding="utf-8") as file:
            file.write(f'\n[backup]\nrecipients = ["{recipient}"]\n')
            file.write(f'folder = "{self.at}/lib/backups"\n')
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


async def test_broken_records_of_channels_are_mended_by_a_rebuild(tmp_path: Path) -> None:
    """After a first look at a host that is well; and the claim is there, and counts."""
    async with host(tmp_path) as here:
        for heading in ("## First of all", "## The disk is full", "## The clock is wrong"):
            await here.follow(heading)
        here.break_records("open_channels")
        await here.follow("## The store is broken")
        assert "1.5 XRP" in await here.do("tower claim list")


async def test_a_store_whose_claims_are_broken_is_replaced_by_its_backup(tmp_path: Path) -> None:
    """It is kept; the recovery ends; and the claim that came since is handed in once more."""
    async with host(tmp_path) as here:
        here.break_records("claims")
        await here.follow("### Claims, keys or the journal are broken")
        assert (tmp_path / "lib" / "broken" / "watchtower.db").exists()
        here.more["CHANNEL AMOUNT SIGNATURE"] = here.claim(2.5)
        await here.follow("## After a restore")


async def test_a_lost_host_comes_back_on_another_one_with_another_passphrase(
    tmp_path: Path,
) -> None:
    """Of what was on the stick alone: backups, their key, and the configuration."""
    async with host(tmp_path) as here:
        await here.do("systemctl stop watchtower")
        await here.do("mv backups ../etc/watchtower.toml ../stick/ && rm -r ../lib/* ../etc/*")
        await here.do("echo 'battery staple' > ../etc/passphrase; chmod 600 ../etc/passphrase")
        await here.follow("## The host is lost")


async def test_a_tower_that_was_off_pays_what_was_asked_to_close_meanwhile(tmp_path: Path) -> None:
    """With its first look, and says so."""
    async with host(tmp_path) as here:
        await here.do("systemctl stop watchtower")
        asked = {"TransactionType": "PaymentChannelClaim", "Channel": here.channel}
        await here.hand.settle(asked | {"Flags": TF_CLOSE}, here.payer)
        await here.follow("## The tower was off")
        found = await here.hand.request("ledger_entry", payment_channel=here.channel)
        assert found["node"]["Balance"] == str(int(1.5 * XRP))


async def test_a_stolen_key_is_replaced_while_the_tower_runs(tmp_path: Path) -> None:
    """By the word of the master key, which is on no disk afterwards."""
    async with host(tmp_path) as here:
        seed = tmp_path / "lib" / "master.seed"
        seed.touch(mode=0o600)
        seed.write_text(here.payee.seed, "utf-8")
        await here.follow("## A key was stolen")
        told = await here.hand.request("account_info", account=here.payee.address)
        assert told["account_data"]["RegularKey"] != here.key.address
        assert not seed.exists()


async def test_other_servers_take_the_place_of_those_that_are_gone(tmp_path: Path) -> None:
    """By the configuration, and a start."""
    async with (
        host(tmp_path) as here,
        Sandbox(beside=here.box) as third,
        Sandbox(beside=here.box) as fourth,
    ):
        for gone in (here.box, here.second):
            gone.misbehave(refuse_connections=True)
            gone.cut()
        here.more |= {"wss://three.example": third.url, "wss://four.example": fourth.url}
        await here.follow("## No server answers")
