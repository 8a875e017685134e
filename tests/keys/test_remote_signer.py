"""Signing over the socket is signing here: the same bytes, the same refusals, and no trust."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.keys.conftest import ED25519_ACCOUNT, ED25519_SEED, SECP256K1_ACCOUNT, SECP256K1_SEED
from tests.signer.process import signer_settings
from tests.store import make
from watchtower.errors import (
    KeyMissingError,
    MasterKeyIdleError,
    SignerUnreachableError,
    SigningRefusedError,
)
from watchtower.judgement.claim import Claim
from watchtower.keys.authority import Right
from watchtower.keys.claim_encoding import decode_claim
from watchtower.keys.remote_signer import RemoteSigner
from watchtower.keys.signer import Signer
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.signer_messages import (
    HEAD_BYTES,
    Answer,
    HeldKey,
    KeysAnswer,
    Request,
    SignAnswer,
    Signature,
    SignRequest,
    framed,
    length_of,
    read_request,
)
from watchtower.keys.vault import Vault
from watchtower.ledger.events import Seat
from watchtower.response.tickets import ticket_transaction
from watchtower.response.transaction import claim_transaction, close_transaction
from watchtower.sandbox.people import Person
from watchtower.signer.clerk import Clerk
from watchtower.signer.door import Door, listening_socket
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

PAYER = Person.named("a payer of remote claims")
PAYERS_OWN = Person.named("a payer with a key")
CAP = Drops(100)


def claim_of(number: int, account: Address = SECP256K1_ACCOUNT, fee: int = 12) -> dict[str, Any]:
    """A transaction that redeems a claim that was really signed."""
    channel = make.channel_id(number)
    claim = Claim(
        channel=channel,
        amount=Drops(500),
        public_key=PAYER.public_key,
        signature=PAYER.sign_claim(channel, Drops(500)),
    )
    return claim_transaction(
        account=account,
        claim=claim,
        target=Drops(400),
        fee=Drops(fee),
        seat=Seat(number),
        last_ledger=LedgerIndex(108),
        network_id=0,
    )


def tickets_of(account: Address) -> dict[str, Any]:
    """A transaction that makes tickets."""
    return ticket_transaction(
        account=account,
        count=3,
        fee=Drops(12),
        seat=Seat(7),
        last_ledger=LedgerIndex(108),
        network_id=21337,
    )


@asynccontextmanager
async def listening(folder: Path, store: Store, **settings: Any) -> AsyncIterator[Path]:
    """The signer's own door and clerk, in this process."""
    named = {"payees": [SECP256K1_ACCOUNT, ED25519_ACCOUNT], "fee_cap_drops": CAP, **settings}
    loaded = signer_settings(folder / "signer", **named)
    clerk = await Clerk.begin(store, loaded)
    path = Path(loaded.signer.socket)
    with listening_socket(path, group=None, config=path) as at:
        door = Door(clerk, users=[int(user) for user in loaded.signer.users])
        serving = asyncio.create_task(door.serve(at))
        try:
            yield path
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def asking(line: SignerLine, right: Right = Right.MASTER_KEY, **more: Any) -> RemoteSigner:
    """The daemon's side."""
    payees = (SECP256K1_ACCOUNT, ED25519_ACCOUNT)
    return RemoteSigner(line, payees, CAP, right=right, most_tickets=4, **more)


@pytest.fixture
async def place(tmp_path: Path, store: Store, vault: Vault) -> AsyncIterator[Path]:
    """Where a signer listens who has both keys."""
    assert await vault.cards()
    async with listening(tmp_path, store) as path:
        yield path


@pytest.fixture
async def line(place: Path) -> AsyncIterator[SignerLine]:
    """A line to the signer."""
    made = SignerLine(place)
    yield made
    await made.close()


@pytest.mark.parametrize("account", [SECP256K1_ACCOUNT, ED25519_ACCOUNT])
@pytest.mark.parametrize("make_one", [lambda account: claim_of(1, account), tickets_of])
async def test_the_bytes_are_those_that_are_signed_here(
    line: SignerLine, vault: Vault, account: Address, make_one: Callable[[Address], dict[str, Any]]
) -> None:
    """Claims and tickets, both kinds of keys: both are deterministic."""
    here = Signer(vault, [account], CAP, right=Right.MASTER_KEY, most_tickets=4)
    assert await asking(line).sign(make_one(account)) == await here.sign(make_one(account))


async def test_a_close_is_signed_for_a_channels_source_as_it_is_known_here(
    tmp_path: Path, store: Store
) -> None:
    """The signer would sign it for any channel; the daemon asks for its own alone."""
    address, channel = PAYERS_OWN.address, make.channel_id(1)
    await Vault(store).import_seed(address, PAYERS_OWN.seed)
    close = close_transaction(
        account=address,
        channel=channel,
        fee=Drops(12),
        seat=Seat(7),
        last_ledger=LedgerIndex(108),
        network_id=0,
    )
    named = {"payees": [], "payers": [address], "allow_closes": True}
    async with listening(tmp_path, store, **named) as path:
        line = SignerLine(path)
        sources: dict[ChannelId, Address] = {channel: address}
        signer = RemoteSigner(
            line, [], CAP, right=Right.MASTER_KEY, payers=[address], source_of=sources.get
        )
        assert (await signer.sign(close)).blob
        sources[channel] = SECP256K1_ACCOUNT
        with pytest.raises(SigningRefusedError, match="not known as such"):
            await signer.sign(close)
        await line.close()


async def test_the_first_signatures_are_back_before_the_last_are_asked_for(
    line: SignerLine,
) -> None:
    """In a mass exit what is most urgent leaves while the rest waits."""
    asked = 0

    def wanted() -> Iterator[dict[str, Any]]:
        nonlocal asked
        for number in range(1, 301):
            asked += 1
            yield claim_of(number)

    signing = asking(line).sign_each(wanted())
    first = await anext(signing)
    assert asked < 30
    rest = [signed async for signed in signing]
    assert len({first.transaction, *(signed.transaction for signed in rest)}) == 300


async def test_it_ends_at_the_first_that_is_refused_wherever(
    line: SignerLine, store: Store
) -> None:
    """Here or there; what comes before it is signed, and what comes behind it is not."""
    of_nobody = Address("rrrrrrrrrrrrrrrrrrrrBZbvji")
    cases: list[tuple[dict[str, Any], str]] = [
        (claim_of(99, fee=101), "above the cap"),
        (claim_of(99, account=of_nobody), "not from an account"),
        ({**claim_of(99), "Amount": "499"}, "the claim is none"),
        ({**claim_of(99), "Memos": "x"}, "does not sign the field"),
    ]
    for bad, why in cases:
        for place in (0, 1, 8, 20):
            wanted = [claim_of(number) for number in range(1, 31)]
            signing = asking(line).sign_each([*wanted[:place], bad, *wanted[place:]])
            signed = [await anext(signing) for _ in range(place)]
            with pytest.raises(SigningRefusedError, match=why):
                await anext(signing)
            with pytest.raises(StopAsyncIteration):
                await anext(signing)
            assert signed == [await asking(line).sign(each) for each in wanted[:place]]
    async with store.read() as work:
        entries = await work.journal.load_all()
    assert "99" not in {str(entry.facts.get("sequence")) for entry in entries}


async def test_who_gives_up_in_the_middle_leaves_the_line_as_it_was(line: SignerLine) -> None:
    """Answers that nobody waits for any more are not taken for those of the next."""
    for _ in range(5):
        signing = asking(line).sign_each(claim_of(number) for number in range(1, 100))
        await anext(signing)
        await signing.aclose()
    assert (await asking(line).sign(claim_of(7))).blob


async def test_a_key_that_is_not_there_is_said_as_if_it_were_here(
    tmp_path: Path, store: Store
) -> None:
    """With the account, by the error that makes all of it wait."""
    async with listening(tmp_path, store) as path:
        line = SignerLine(path)
        with pytest.raises(KeyMissingError, match=SECP256K1_ACCOUNT):
            await asking(line).sign(claim_of(1))
        await line.close()


async def test_no_hand_gets_a_key_of_another_right(
    tmp_path: Path, store: Store, vault: Vault
) -> None:
    """Neither a signer that may not use master keys, nor a daemon that may not, has one used."""
    await vault.import_seed(ED25519_ACCOUNT, SECP256K1_SEED, regular_key=True)
    async with listening(tmp_path, store, allow_master_key=False) as path:
        line = SignerLine(path)
        with pytest.raises(MasterKeyIdleError):
            await asking(line).sign(claim_of(1))
        regular = asking(line, Right.REGULAR_KEY)
        assert (await regular.sign(claim_of(1, ED25519_ACCOUNT))).blob
        regular.hold(await line.keys())
        assert regular.way(SECP256K1_ACCOUNT) is None
        assert regular.way(ED25519_ACCOUNT) is not None
        with pytest.raises(MasterKeyIdleError):
            await regular.sign(claim_of(1))
        with pytest.raises(KeyMissingError):
            await asking(line).sign(claim_of(1, ED25519_ACCOUNT))
        await line.close()


async def test_it_goes_on_with_a_signer_that_was_started_again(
    tmp_path: Path, store: Store, vault: Vault
) -> None:
    """The line that broke is made anew with the next request, and the same seat costs nothing."""
    assert await vault.cards()
    line: SignerLine | None = None
    for _ in range(3):
        async with listening(tmp_path, store) as path:
            line = line or SignerLine(path)
            assert (await asking(line).sign(claim_of(1))).blob
    assert line is not None
    with pytest.raises(SignerUnreachableError, match="cannot be used"):
        await asking(line).sign(claim_of(1))
    await line.close()


async def test_a_line_that_breaks_with_a_request_on_it_is_made_anew_for_it(
    tmp_path: Path, vault: Vault
) -> None:
    """Once: a signer that was restarted in the middle costs nobody anything."""
    here = Signer(vault, [SECP256K1_ACCOUNT], CAP, right=Right.MASTER_KEY)
    asked = 0

    async def dying(request: Request) -> bytes:
        nonlocal asked
        asked += 1
        if asked % 2 == 0:
            raise ConnectionError
        assert isinstance(request, SignRequest)
        fields = decode_claim(bytes.fromhex((await here.sign(request.transactions[0])).blob))
        signature = Signature(public_key=fields["SigningPubKey"], signature=fields["TxnSignature"])
        return framed(SignAnswer(id=request.id, signatures=(signature,)))

    async with malicious(tmp_path, dying) as line:
        for _ in range(4):
            assert (await asking(line).sign(claim_of(1))).blob
    assert asked == 7


async def test_who_is_not_there_is_asked_again_only_after_a_pause(tmp_path: Path) -> None:
    """Thousands that wait for a signature find out at once; after the pause it is tried anew."""
    path = tmp_path / "socket"
    line, tried = SignerLine(path, pause=3600), 0

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        writer.close()

    with pytest.raises(SignerUnreachableError, match="No such file"):
        await line.keys()
    async with await asyncio.start_unix_server(answer, path):
        for _ in range(10):
            with pytest.raises(SignerUnreachableError):
                await line.keys()
        assert tried == 0
        with pytest.raises(SignerUnreachableError, match="hung up"):
            await SignerLine(path).keys()
        assert tried == 1


Malice = Callable[[Request], Awaitable[bytes]]


@asynccontextmanager
async def malicious(folder: Path, malice: Malice) -> AsyncIterator[SignerLine]:
    """A line to somebody else at the signer's socket."""
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            while True:
                length = length_of(await reader.readexactly(HEAD_BYTES))
                writer.write(await malice(read_request(await reader.readexactly(length))))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    path = folder / "malicious"
    server = await asyncio.start_unix_server(answer, path)
    line = SignerLine(path, patience=0.3, pause=0)
    try:
        yield line
    finally:
        await line.close()
        server.close()
        tasks = [task for task in answering if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


def _signatures(*pairs: tuple[str, str]) -> Malice:
    async def malice(request: Request) -> bytes:
        signed = tuple(Signature(public_key=key, signature=text) for key, text in pairs)
        return framed(SignAnswer(id=request.id, signatures=signed))

    return malice


async def _silence(_request: Request) -> bytes:
    await asyncio.sleep(3600)
    return b""


async def _garbage(_request: Request) -> bytes:
    return b"\xff" * 8


async def _keys_instead(request: Request) -> bytes:
    return framed(KeysAnswer(id=request.id, keys=(HeldKey(account="x", public_key="y"),)))


async def _of_another_question(request: Request) -> bytes:
    answer: Answer = SignAnswer(id=request.id + 1)
    return framed(answer)


async def _nothing(request: Request) -> bytes:
    return framed(SignAnswer(id=request.id))


@pytest.mark.parametrize(
    "malice",
    [
        _signatures((PAYER.public_key, "30")),
        _signatures(("", "")),
        _signatures(("zz", "zz")),
        _signatures(("ED" + "00" * 32, "00" * 64)),
        _signatures(("02" + "FF" * 32, "00" * 64)),
        _signatures((PAYER.public_key, "3006020101020101")),
        _signatures(*[(PAYER.public_key, "30")] * 2),
        _silence,
        _garbage,
        _keys_instead,
        _of_another_question,
        _nothing,
    ],
)
async def test_who_answers_nonsense_is_an_error_that_keeps_everything_owed(
    tmp_path: Path, malice: Malice
) -> None:
    """Nothing but a signature of these very fields is handed on."""
    async with malicious(tmp_path, malice) as line:
        with pytest.raises(SignerUnreachableError):
            await asking(line).sign(claim_of(1))


async def test_the_signature_of_another_transaction_is_not_taken(
    tmp_path: Path, vault: Vault
) -> None:
    """Good for what it was made for, by the right key: not what was asked for."""
    here = Signer(vault, [SECP256K1_ACCOUNT], CAP, right=Right.MASTER_KEY)

    async def swap(request: Request) -> bytes:
        assert isinstance(request, SignRequest)
        other = await here.sign({**request.transactions[0], "Fee": "99"})
        fields = decode_claim(bytes.fromhex(other.blob))
        signature = Signature(public_key=fields["SigningPubKey"], signature=fields["TxnSignature"])
        return framed(SignAnswer(id=request.id, signatures=(signature,)))

    async with malicious(tmp_path, swap) as line:
        with pytest.raises(SignerUnreachableError, match="no signature of what it was asked"):
            await asking(line).sign(claim_of(1))


def test_the_seeds_of_these_tests_are_not_the_same() -> None:
    """Or the test about rights would say nothing."""
    assert ED25519_SEED != SECP256K1_SEED
