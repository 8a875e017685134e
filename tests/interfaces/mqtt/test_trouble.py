"""A broker or a daemon that dies, that does not want us, or that we must not believe."""

from __future__ import annotations

import asyncio
import datetime as dt
import resource
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.interfaces.mqtt.broker import CONFIG, PASSWORDS, Broker, Caller, broker_in
from tests.interfaces.test_http import wire
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.demo.process import PASSPHRASE, TowerProcess
from watchtower.errors import ConfigError
from watchtower.interfaces.mqtt import serve as mqtt_serve
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops


@asynccontextmanager
async def TowerOn(  # noqa: N802 - reads as what it makes
    stage: Stage, broker: Broker, folder: Path
) -> AsyncIterator[TowerProcess]:
    """The real daemon as a process of its own, on a store of its own, that knows the broker."""
    home = folder / "tower"
    home.mkdir()
    events: list[Any] = []
    tower = TowerProcess(home, events.append)
    await tower.set_up(stage.payee.address, stage.payee.seed, [stage.sandbox.url])
    config = home / "watchtower.toml"
    settings = broker.settings()
    config.write_text(
        f'{config.read_text()}\n[mqtt]\nbroker = "{settings.broker}"\nusername = "tower"\n'
        f'password_file = "{settings.password_file}"\n'
    )
    await tower.start()
    try:
        yield tower
    finally:
        await tower.kill()


async def best_in(folder: Path, channels: Iterable[ChannelId]) -> dict[ChannelId, int]:
    """What the daemon in ``folder`` has on disk, kept or waiting for its channel."""
    async with (
        await Store.open(folder / "tower" / "watchtower.db", PASSPHRASE) as store,
        store.read() as work,
    ):
        best = await work.claims.find(list(channels))
        waiting = {claim.channel: claim.amount for claim in await work.claims.load_pending()}
    return {
        channel: max(
            best[channel].amount if channel in best else Drops(0), waiting.get(channel, Drops(0))
        )
        for channel in channels
    }


async def hand_over(
    stage: Stage, caller: Caller, channels: list[ChannelId], sent: dict[ChannelId, int]
) -> None:
    """Hand over ever higher claims, until the broker is gone; note what it has acknowledged."""
    with suppress(aiomqtt.MqttError):
        for drops in range(1, 300):
            for channel in channels:
                await caller.send(wire(stage.claim(channel, drops)))
                sent[channel] = drops


@pytest.mark.parametrize("answers", [1, 15, 60])
async def test_every_claim_survives_a_killed_daemon(
    stage: Stage, broker: Broker, tmp_path: Path, answers: int
) -> None:
    """What was answered is on disk, and what was not is still at the broker, for the next one."""
    channels = [await stage.channel() for _ in range(3)]
    sent: dict[ChannelId, int] = {}
    async with broker.caller() as shop, TowerOn(stage, broker, tmp_path) as tower:
        await broker.until_here()
        sending = asyncio.create_task(hand_over(stage, shop, channels, sent))
        await shop.until(lambda: len(shop.answers) >= answers)
        await tower.kill()
        sending.cancel()
        await asyncio.wait({sending})
        # Behind what the broker had on its way to the shop.
        await shop.client.unsubscribe("nothing")
        kept, stored = dict(shop.kept), await best_in(tmp_path, channels)
        assert all(stored[channel] >= drops for channel, drops in kept.items())
        await tower.start()
        await shop.until(
            lambda: all(shop.best.get(name, 0) >= drops for name, drops in sent.items())
        )
        await tower.stop()
    stored = await best_in(tmp_path, channels)
    assert all(stored[channel] >= drops for channel, drops in sent.items())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_no_claim_is_lost_with_a_broker_that_dies_under_load(
    stage: Stage, broker: Broker, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has acknowledged is on disk here, or still there, once it is back."""
    monkeypatch.setattr(mqtt_serve, "_LASTING", 0.0)
    channels = [await stage.channel() for _ in range(3)]
    sent: dict[ChannelId, int] = {}
    async with stage.tower():
        for _ in range(3):
            await broker.until_here()
            async with broker.caller() as shop:
                now: dict[ChannelId, int] = {}
                sending = asyncio.create_task(hand_over(stage, shop, channels, now))
                await shop.until(lambda: len(shop.answers) >= 20)
                await broker.end(number)
                await asyncio.wait({sending})
                assert now
                sent |= {name: max(drops, sent.get(name, 0)) for name, drops in now.items()}
                kept = dict(shop.kept)
                async with stage.store() as store, store.read() as work:
                    stored = await work.claims.find(channels)
                assert all(stored[channel].amount >= drops for channel, drops in kept.items())
            await broker.start()

        async def all_there() -> bool:
            async with stage.store() as store, store.read() as work:
                stored = await work.claims.find(channels)
            return all(stored[channel].amount >= drops for channel, drops in sent.items())

        await stage.until(all_there)


async def test_a_full_disk_acknowledges_nothing(
    stage: Stage, broker: Broker, tmp_path: Path
) -> None:
    """The daemon may not write a byte more, is killed, and the next one finds every claim."""
    channels = [await stage.channel() for _ in range(3)]
    async with broker.caller() as shop, TowerOn(stage, broker, tmp_path) as tower:
        await broker.until_here()
        daemon = tower._daemon
        assert daemon is not None
        _, most = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1, most))
        names = [await shop.send(wire(stage.claim(channel, 9))) for channel in channels]
        for name in names:
            assert (await shop.answer(name))["type"] == "store_unavailable"
        await tower.kill()
        assert set((await best_in(tmp_path, channels)).values()) == {0}
        await tower.start()
        for name in names:
            assert (await shop.answer(name, count=2))["best"] == "9"


async def test_a_broker_that_comes_late_and_goes_is_taken_up_again(
    stage: Stage, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tower guards meanwhile; when there is none for long people are told, and when it ends."""
    monkeypatch.setattr(mqtt_serve, "_LONG", 0.0)
    channel = await stage.channel()
    await broker.end()
    async with stage.tower():
        await stage.keep(channel, 30 * XRP)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await broker.start()
        await broker.until_here()
        await broker.end(signal.SIGKILL)
        await broker.start()
        other = await stage.channel()
        async with broker.caller() as shop:
            await broker.until_here()
            assert (await shop.ask(wire(stage.claim(other, 7))))["best"] == "7"


async def test_a_mute_broker_holds_up_neither_the_tower_nor_its_end(
    stage: Stage, broker: Broker
) -> None:
    """Stopped in the middle of everything, it still takes connections, and says nothing."""
    channel = await stage.channel()
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    try:
        async with stage.tower():
            await stage.keep(channel, 30 * XRP)
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
    finally:
        broker.process.send_signal(signal.SIGCONT)


async def test_a_wrong_password_is_an_alarm_and_no_secret_is_told(
    stage: Stage, broker: Broker, capfd: pytest.CaptureFixture[str]
) -> None:
    """The tower guards on, and takes the right one when it is there."""
    channel = await stage.channel()
    broker.give_password("an old and secret word")
    told = ""
    async with stage.tower() as daemon:
        await stage.keep(channel, 30 * XRP)
        async with asyncio.timeout(60):
            while "broker_unreachable" not in told:
                told += capfd.readouterr().out
                await asyncio.sleep(0.02)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        assert not daemon.done()
        broker.give_password(PASSWORDS["tower"])
        await broker.until_here()
    told += "".join(capfd.readouterr())
    assert "Not authorized" in told
    assert "secret word" not in told
    assert PASSWORDS["tower"] not in told
    assert "error  " not in told


async def test_without_the_client_a_broker_is_refused_with_what_to_install(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything begins."""
    for name in [*sys.modules]:
        if name.startswith(("watchtower.interfaces.mqtt.", "watchtower.broker_credentials")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiomqtt", None)
    async with stage.tower() as daemon:
        with pytest.raises(ConfigError, match=r"aiomqtt is not installed; run `pip install"):
            await asyncio.wait_for(daemon, 20)


def test_a_daemon_without_a_broker_needs_no_client() -> None:
    """Nothing of MQTT is imported by whoever has none."""
    code = (
        "import sys; import watchtower.cli, watchtower.daemon; "
        "sys.exit(any(n.partition('.')[0] in ('aiomqtt', 'paho') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_password_that_others_can_read_is_refused_before_anything_begins(
    stage: Stage, broker: Broker
) -> None:
    """As with the passphrase."""
    broker.give_password("anything", mode=0o644)
    async with stage.tower() as daemon:
        with pytest.raises(ConfigError, match="chmod 600"):
            await asyncio.wait_for(daemon, 20)


class Authority:
    """Somebody who makes certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        """Write down one's own."""
        self.folder, self.name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / f"{name}.pem"
        made = self._made(self.name, self.key.public_key(), is_authority=True)
        self.path.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def _made(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool = False
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(address, critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate for ``name``, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._made(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key()
        )
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        paths[1].touch(mode=0o600)
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths


async def test_the_way_is_encrypted_and_both_sides_show_who_they_are(tmp_path: Path) -> None:
    """By TLS with certificates of our own; another authority's broker is not spoken to."""
    ours, others = Authority(tmp_path, "ours"), Authority(tmp_path, "others")
    certificate, key = ours.certificate("broker")
    mine, my_key = ours.certificate("tower")
    tls = f"cafile {ours.path}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true\n"
    async with broker_in(tmp_path / "broker", listener=tls) as broker, stage_on(tmp_path) as stage:
        secure = broker.settings(
            broker=f"mqtts://127.0.0.1:{broker.port}",
            ca_file=str(ours.path),
            certificate_file=str(mine),
            key_file=str(my_key),
        )
        context = ssl.create_default_context(cafile=ours.path)
        context.load_cert_chain(mine, my_key)
        channel = await stage.channel()
        wrong = msgspec.structs.replace(secure, ca_file=str(others.path))
        nobody = msgspec.structs.replace(secure, certificate_file="", key_file="")
        for unwanted in (wrong, nobody):
            stage.with_settings(mqtt=unwanted)
            async with stage.tower():
                await stage.keep(channel, 1)
                await stage.sandbox.accept()
        stage.with_settings(mqtt=secure)
        async with stage.tower(), broker.client("shop", tls_context=context) as shop:
            await broker_says_here(broker, context)
            topic = f"watchtower/channels/{channel}"
            async with broker.client("reader", tls_context=context) as reader:
                await reader.subscribe(topic, qos=1)
                claim = msgspec.json.encode(wire(stage.claim(channel, 7)))
                await shop.publish("watchtower/claims", claim, qos=1)
                async with asyncio.timeout(60):
                    async for message in reader.messages:
                        if msgspec.json.decode(bytes(message.payload))["best_claim"] == "7":
                            break
    log = (tmp_path / "broker" / "log").read_text(errors="replace")
    assert log.count("as watchtower ") == 1


async def broker_says_here(broker: Broker, context: ssl.SSLContext) -> None:
    """Wait until the tower is there, by TLS."""
    async with broker.client("reader", tls_context=context) as reader, asyncio.timeout(60):
        await reader.subscribe("watchtower/status/watchtower", qos=1)
        async for message in reader.messages:
            if msgspec.json.decode(bytes(message.payload))["here"]:
                return


async def test_a_broker_that_ends_connections_for_an_answer_does_not_do_so_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message comes again; acknowledged first then, it is over, and the others are served.

    Mosquitto 2.0.11 is such a broker with this setting; a newer one refuses and goes on.
    """
    monkeypatch.setattr(mqtt_serve, "_LASTING", 0.0)
    acl = (CONFIG / "mosquitto.acl").read_text(encoding="utf-8")
    acl = acl.replace("topic write watchtower/answers/#", "topic write watchtower/answers/shop/#")
    options = {"acl": acl, "more": "max_queued_messages 0\n"}
    async with broker_in(tmp_path / "broker", **options) as broker, stage_on(tmp_path) as stage:
        stage.with_settings(mqtt=broker.settings())
        channel = await stage.channel()
        async with stage.tower(), broker.caller() as shop, broker.caller("kiosk") as kiosk:
            await broker.until_here()
            for drops in (5, 6, 7):
                await kiosk.send(wire(stage.claim(channel, drops)))
            answer = await shop.ask(wire(stage.claim(channel, 9)))
            assert answer["best"] == "9"
            # Had it come without end, no connection would last to answer this one.
            assert (await shop.ask(wire(stage.claim(channel, 10))))["best"] == "10"
