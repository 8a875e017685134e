"""The HTTP interface where others can come: real certificates, real handshakes, slow strangers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.interfaces.certificates import Authority, Pair
from tests.interfaces.test_access import bearer, token
from tests.interfaces.test_http import wire
from tests.tower.conftest import Stage, stage_on
from watchtower import front
from watchtower.access.token import Scope
from watchtower.errors import CertificateError, NoTokenError
from watchtower.interfaces.http import certificates as http_certificates
from watchtower.interfaces.http import doorway
from watchtower.interfaces.http import serve as http_serve
from watchtower.interfaces.http.certificates import CertificateFiles, Certificates
from watchtower.settings import HttpSettings, refuse_unsafe


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom clients trust."""
    return Authority(tmp_path)


@pytest.fixture
async def stage(tmp_path: Path, authority: Authority) -> AsyncIterator[Stage]:
    """A stage whose tower listens with TLS at every address of this machine."""
    async with stage_on(tmp_path) as made:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        own = authority.pair("own")
        made.with_settings(
            http=HttpSettings(
                listen=f"0.0.0.0:{port}",
                names=("Tower.example.",),
                certificate=str(own.certificate),
                certificate_key=str(own.key),
            )
        )
        refuse_unsafe(made.settings, tmp_path)
        yield made


def change(stage: Stage, **changes: Any) -> None:
    """Change settings of the HTTP interface."""
    stage.with_settings(http=msgspec.structs.replace(stage.settings.http, **changes))


def port_of(stage: Stage) -> int:
    """Where it listens."""
    return stage.settings.http.place.port


@asynccontextmanager
async def client_of(
    stage: Stage, trust: ssl.SSLContext, headers: dict[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client over TLS, once the daemon is ready."""
    address = f"https://localhost:{port_of(stage)}"
    async with httpx.AsyncClient(base_url=address, verify=trust, headers=headers) as client:
        for _ in range(400):
            with suppress(httpx.TransportError):
                if (await client.get("/readyz")).status_code == 200:
                    break
            await stage.sandbox.accept()
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the daemon never became ready")
        yield client


async def serial_of(stage: Stage, trust: ssl.SSLContext) -> int:
    """The serial number of the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("localhost", port_of(stage), ssl=trust)
    shown = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return int(shown["serialNumber"], 16)


async def until_listening(stage: Stage) -> None:
    """Wait until somebody can connect, without TLS."""
    for _ in range(400):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(stage))
            writer.close()
            return
        await asyncio.sleep(0.05)
    pytest.fail("nobody ever listened")


async def test_claim_comes_over_tls_with_a_token_and_not_without(
    stage: Stage, authority: Authority
) -> None:
    """The main job, from another machine."""
    channel = await stage.channel()
    shown = bearer(await token(stage, "platform", [Scope.SUBMIT]))
    async with stage.tower(), client_of(stage, authority.trust()) as client:
        body = wire(stage.claim(channel, 9))
        told = await client.post("/v1/claims", json=body)
        assert (told.status_code, told.json()["type"]) == (401, "token_missing")
        told = await client.post("/v1/claims", json=body, headers=shown)
        assert (told.json()["kept"], told.json()["serve"]) == (True, True)


async def test_a_client_that_trusts_nobody_of_ours_is_not_talked_to(
    stage: Stage, authority: Authority, tmp_path: Path
) -> None:
    """Whoever sits between with another certificate would be noticed."""
    await token(stage, "any", [Scope.READ])
    other = Authority(tmp_path, "another authority")
    async with stage.tower(), client_of(stage, authority.trust()):
        with pytest.raises(ssl.SSLCertVerificationError):
            await serial_of(stage, other.trust())


def _of_tls_1_1(authority: Authority) -> ssl.SSLContext:
    old = authority.trust()
    with pytest.deprecated_call():
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    return old


def _without_sealing_ciphers(authority: Authority) -> ssl.SSLContext:
    old = authority.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    return old


async def test_plain_text_and_old_tls_are_not_answered(stage: Stage, authority: Authority) -> None:
    """Nothing that was said there could have been kept secret."""
    await token(stage, "any", [Scope.READ])
    async with stage.tower(), client_of(stage, authority.trust()) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(stage))
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with suppress(ConnectionError):
            assert not (await asyncio.wait_for(reader.read(), 60)).startswith(b"HTTP")
        writer.close()
        for weak in (_of_tls_1_1(authority), _without_sealing_ciphers(authority)):
            with pytest.raises(OSError):  # noqa: PT011 - whichever way OpenSSL refuses it
                await serial_of(stage, weak)
        assert (await client.get("/healthz")).status_code == 200


async def test_it_answers_to_its_own_names_alone(stage: Stage, authority: Authority) -> None:
    """Those of the settings, in any case, and none that leads here by chance."""
    shown = bearer(await token(stage, "any", [Scope.READ]))
    async with stage.tower(), client_of(stage, authority.trust()) as client:
        for host, status in (
            ("tower.example", 200),
            (f"TOWER.example:{port_of(stage)}", 200),
            ("127.0.0.1", 200),
            ("evil.example", 421),
        ):
            told = await client.get("/v1/channels", headers={"host": host, **shown})
            assert told.status_code == status, host


async def test_without_a_good_token_nobody_could_come_in_and_it_does_not_start(
    stage: Stage,
) -> None:
    """None at all, and one that has expired: a sentence before anything is opened."""
    for name in ("over", "over as well"):
        async with stage.tower() as daemon:
            with pytest.raises(NoTokenError, match="token add"):
                await asyncio.wait_for(daemon, 20)
        await token(stage, name, [Scope.READ], expires=1)


@pytest.fixture
def with_authority(stage: Stage, authority: Authority) -> Stage:
    """The stage, where clients show certificates."""
    change(stage, client_authority=str(authority.path))
    return stage


async def test_a_clients_certificate_lets_in_without_a_token(
    with_authority: Stage, authority: Authority
) -> None:
    """And so nobody has to make one before the start."""
    client_pair = authority.pair("client", for_client=True)
    channel = await with_authority.channel()
    trust = authority.trust(client_pair)
    async with with_authority.tower(), client_of(with_authority, trust) as client:
        told = await client.post("/v1/claims", json=wire(with_authority.claim(channel, 9)))
        assert told.json()["kept"] is True
        # Nothing that it could come back with once the certificate is not good any more.
        _, writer = await asyncio.open_connection(
            "localhost", port_of(with_authority), ssl=_of_tls_1_2(trust)
        )
        assert not writer.get_extra_info("ssl_object").session.has_ticket
        writer.close()


def _of_tls_1_2(trust: ssl.SSLContext) -> ssl.SSLContext:
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    return trust


async def test_with_both_required_a_certificate_alone_is_not_enough(
    with_authority: Stage, authority: Authority
) -> None:
    """What a certificate cannot say is what its owner may do."""
    change(with_authority, require_token=True)
    shown = bearer(await token(with_authority, "reader", [Scope.READ]))
    trust = authority.trust(authority.pair("client", for_client=True))
    async with with_authority.tower(), client_of(with_authority, trust) as client:
        assert (await client.get("/v1/channels")).status_code == 401
        assert (await client.get("/v1/channels", headers=shown)).status_code == 200
        assert (await client.get("/v1/status", headers=shown)).status_code == 403


async def test_who_has_no_good_certificate_is_not_let_in(
    with_authority: Stage, authority: Authority, tmp_path: Path
) -> None:
    """None, one of another authority, one that has expired, one of a server; not even health."""
    stranger = Authority(tmp_path, "a stranger")
    bad: list[Pair | None] = [
        None,
        stranger.pair("forged", for_client=True),
        authority.pair("late", for_client=True, good_for=timedelta(days=-1)),
        authority.pair("server"),
    ]
    good = authority.trust(authority.pair("client", for_client=True))
    async with with_authority.tower(), client_of(with_authority, good) as client:
        for pair in bad:
            address = f"https://localhost:{port_of(with_authority)}"
            async with httpx.AsyncClient(base_url=address, verify=authority.trust(pair)) as other:
                with pytest.raises(httpx.TransportError):
                    await other.get("/healthz")
        assert (await client.get("/healthz")).status_code == 200


class Turns:
    """How often something is done in a thread, by its name in the module of certificates."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.count = 0
        self._turned = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._do = getattr(http_certificates, name)
        monkeypatch.setattr(http_certificates, name, self._turn)

    def _turn(self, files: CertificateFiles) -> Any:
        self._loop.call_soon_threadsafe(self._count)
        return self._do(files)

    def _count(self) -> None:
        self.count += 1
        self._turned.set()

    async def more(self, times: int) -> None:
        """Wait until it was done so often again."""
        until = self.count + times
        while self.count < until:
            self._turned.clear()
            await asyncio.wait_for(self._turned.wait(), 60)


async def test_a_renewed_certificate_is_used_from_the_next_connection_on(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a restart; a pair of which only one file was written leaves the old one in use."""
    monkeypatch.setattr(http_certificates, "_LOOK", 0.05)
    looks, reads = Turns(monkeypatch, "_stamps"), Turns(monkeypatch, "_read")
    await token(stage, "any", [Scope.READ])
    trust = authority.trust()
    own = Path(stage.settings.http.certificate), Path(stage.settings.http.certificate_key)
    renewed = authority.pair("renewed")
    async with stage.tower(), client_of(stage, trust) as client:
        before = await serial_of(stage, trust)
        renewed.certificate.replace(own[0])
        await reads.more(2)  # it is read again and again
        assert await serial_of(stage, trust) == before
        renewed.key.replace(own[1])
        for _ in range(400):
            if await serial_of(stage, trust) != before:
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the renewed certificate was never used")
        assert (await client.get("/healthz")).status_code == 200
        await looks.more(3)  # one may have begun while the files were being changed
        before_looking = reads.count
        await looks.more(3)
        assert reads.count == before_looking
    assert not (tmp_path / "renewed.key").exists()


async def test_a_client_authority_that_is_replaced_lets_its_clients_in_and_no_others(
    with_authority: Stage,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """That is how certificates of clients are taken back."""
    monkeypatch.setattr(http_certificates, "_LOOK", 0.05)
    old = authority.trust(authority.pair("client", for_client=True))
    newer = Authority(tmp_path, "a newer authority")
    new = authority.trust(newer.pair("newer client", for_client=True))
    address = f"https://localhost:{port_of(with_authority)}"

    async def is_let_in(trust: ssl.SSLContext) -> bool:
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(base_url=address, verify=trust) as client:
                return (await client.get("/healthz")).status_code == 200
        return False

    async with with_authority.tower(), client_of(with_authority, old):
        assert not await is_let_in(new)
        newer.path.replace(authority.path)
        for _ in range(400):
            if await is_let_in(new):
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the newer authority was never used")
        assert not await is_let_in(old)


def spoil(stage: Stage, authority: Authority, folder: Path, how: str) -> None:
    """Make one of the files what nobody can use."""
    http = stage.settings.http
    key, certificate = Path(http.certificate_key), Path(http.certificate)
    match how:
        case "open":
            key.chmod(0o640)
        case "missing":
            key.unlink()
        case "junk":
            key.write_text("no key at all")
        case "another":
            authority.pair("another").key.replace(key)
        case "sealed":
            authority.pair("own", passphrase=b"secret")
        case "certificate":
            certificate.write_text("no certificate at all")
        case "certificate missing":
            certificate.unlink()
        case _:
            junk = folder / "junk"
            junk.write_text("no authority")
            change(stage, client_authority=str(junk))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("open", "chmod 600"),
        ("missing", "No such file"),
        ("junk", "no PEM"),
        ("another", "of another key"),
        ("sealed", "passphrase"),
        ("certificate", "no certificate"),
        ("certificate missing", "No such file"),
        ("authority", "no PEM"),
    ],
)
async def test_a_certificate_that_cannot_be_used_is_told_at_the_start(
    with_authority: Stage, authority: Authority, tmp_path: Path, how: str, why: str
) -> None:
    """In one sentence that names the file and the setting, and does not show what is in it."""
    spoil(with_authority, authority, tmp_path, how)
    async with with_authority.tower() as daemon:
        with pytest.raises(CertificateError, match=why) as told:
            await asyncio.wait_for(daemon, 20)
    assert str(told.value.facts["setting"]) in str(told.value)
    assert "at all" not in str(told.value)


async def test_slow_handshakes_do_not_hold_up_the_others(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred that connect and say nothing, or half a hello, beside an honest one."""
    monkeypatch.setattr(doorway, "_HANDSHAKE", 2.0)
    channel = await stage.channel()
    shown = bearer(await token(stage, "platform", [Scope.SUBMIT]))
    async with stage.tower(), client_of(stage, authority.trust()):
        slow = [await asyncio.open_connection("127.0.0.1", port_of(stage)) for _ in range(100)]
        for _, writer in slow[:50]:
            writer.write(b"\x16\x03\x01\x02\x00\x01")
        async with client_of(stage, authority.trust(), shown) as client:
            told = await client.post("/v1/claims", json=wire(stage.claim(channel, 9)))
            assert told.json()["kept"] is True
        for reader, writer in slow:
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 40) == b""
            writer.close()


async def test_where_room_is_short_the_slowest_at_the_handshake_is_let_go(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a few strangers who say nothing would keep everybody out."""
    monkeypatch.setattr(doorway, "_MOST_CONNECTIONS", 8)
    monkeypatch.setattr(doorway, "_HANDSHAKE", 600.0)
    shown = bearer(await token(stage, "reader", [Scope.READ]))
    async with stage.tower(), client_of(stage, authority.trust(), shown) as client:
        slow = [await asyncio.open_connection("127.0.0.1", port_of(stage)) for _ in range(20)]
        reader, _ = slow[0]
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 60) == b""
        async with httpx.AsyncClient(
            base_url=f"https://localhost:{port_of(stage)}", verify=authority.trust(), headers=shown
        ) as late:
            assert (await late.get("/v1/channels")).status_code == 200
        assert (await client.get("/v1/channels")).status_code == 200
        for _, writer in slow:
            writer.close()


async def test_one_stranger_cannot_take_all_places(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many of one address the next is not answered, and others are."""
    households = iter(["stranger"] * doorway._MOST_OF_ONE + ["stranger", "honest"])
    shown = bearer(await token(stage, "reader", [Scope.READ]))
    async with stage.tower(), client_of(stage, authority.trust(), shown):
        monkeypatch.setattr(doorway, "household_of", lambda _address: next(households))
        address = ("127.0.0.1", port_of(stage))
        taken = [
            await asyncio.open_connection(*address, ssl=authority.trust())
            for _ in range(doorway._MOST_OF_ONE)
        ]
        with pytest.raises(OSError):  # noqa: PT011 - refused at whichever step
            await asyncio.open_connection(*address, ssl=authority.trust())
        async with httpx.AsyncClient(
            base_url=f"https://localhost:{port_of(stage)}", verify=authority.trust(), headers=shown
        ) as honest:
            assert (await honest.get("/v1/channels")).status_code == 200
        for _, writer in taken:
            writer.close()
        # Their places are free again once they have gone.
        households = iter(["stranger"] * 400)
        async with client_of(stage, authority.trust(), shown) as again:
            assert (await again.get("/v1/channels")).status_code == 200


@pytest.mark.parametrize(
    ("address", "household"),
    [
        ("", ""),
        (b"", ""),
        (("127.0.0.1", 5), ""),
        (("127.9.9.9", 5), ""),
        (("::1", 5, 0, 0), ""),
        (("::ffff:127.0.0.1", 5, 0, 0), ""),
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::/64"),
    ],
)
def test_addresses_of_one_household_count_together(address: object, household: str) -> None:
    """A stranger has a whole /64 of IPv6 to come from; who is on this machine is no stranger."""
    assert doorway.household_of(address) == household


async def test_a_certificate_that_expires_soon_is_an_alarm_until_it_is_renewed(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind its end no platform would hand over anything."""
    monkeypatch.setattr(front, "_MINDED_EVERY", 0.05)
    monkeypatch.setattr(http_certificates, "_LOOK", 0.05)
    authority.pair("own", good_for=timedelta(hours=2))
    shown = bearer(await token(stage, "operator", [Scope.ADMIN]))

    async def is_told() -> bool:
        alarms = (await client.get("/v1/status")).json()["alarms"]
        return "certificate_expiring" in {alarm["name"] for alarm in alarms}

    async def is_over() -> bool:
        return not await is_told()

    async with stage.tower(), client_of(stage, authority.trust(), shown) as client:
        await stage.until(is_told, closing=False)
        authority.pair("own")
        await stage.until(is_over, closing=False)


@pytest.mark.parametrize(
    ("life", "left", "is_expiring"),
    [(90, 15, False), (90, 13, True), (6, 1.1, False), (6, 0.9, True), (6, -1, True)],
)
def test_a_certificate_is_expiring_when_it_should_have_been_renewed(
    authority: Authority, life: float, left: float, *, is_expiring: bool
) -> None:
    """Two weeks before the end of one that lives for months, a day before that of a week's."""
    pair = authority.pair("own", good_for=timedelta(days=life - 1))
    files = CertificateFiles(certificate=pair.certificate, key=pair.key)
    certificates = Certificates(files)
    assert certificates.is_expiring(certificates.expires - left * 86_400) is is_expiring


async def test_a_key_that_systemd_guards_may_show_any_mode(
    stage: Stage, authority: Authority, tmp_path: Path
) -> None:
    """It shows a credential's file with its own modes; another file's stay what they are."""
    spoil(stage, authority, tmp_path, "open")
    await token(stage, "any", [Scope.READ])
    elsewhere = {"CREDENTIALS_DIRECTORY": str(tmp_path / "other")}
    async with stage.tower(environment=elsewhere) as daemon:
        with pytest.raises(CertificateError, match="chmod 600"):
            await asyncio.wait_for(daemon, 20)
    async with (
        stage.tower(environment={"CREDENTIALS_DIRECTORY": str(tmp_path)}),
        client_of(stage, authority.trust()) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200


async def test_who_shakes_hands_and_says_nothing_is_let_go(
    stage: Stage, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is who does not read its answer; TLS does not make either of them safe."""
    monkeypatch.setattr(http_serve, "_HEAD", 0.5)
    monkeypatch.setattr(http_serve, "_PATIENCE", 2.0)
    shown = bearer(await token(stage, "reader", [Scope.READ]))
    request = b"GET /schema/openapi.json HTTP/1.1\r\nhost: localhost\r\nauthorization: %b\r\n\r\n"
    async with stage.tower(), client_of(stage, authority.trust(), shown):
        address = ("localhost", port_of(stage))
        mute, mute_writer = await asyncio.open_connection(*address, ssl=authority.trust())
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", port_of(stage)))
        _, writer = await asyncio.open_connection(
            sock=deaf, ssl=authority.trust(), server_hostname="localhost", limit=1
        )
        writer.write(request % shown["authorization"].encode() * 2_000)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(mute.read(), 60) == b""
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(go_on_writing(writer), 60)
        for each in (mute_writer, writer):
            each.transport.abort()


async def go_on_writing(writer: asyncio.StreamWriter) -> None:
    """Write a little, again and again: that is how one hears that the other end has gone."""
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)
