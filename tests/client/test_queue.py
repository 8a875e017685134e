"""What cannot be handed over waits on disk, whatever becomes of the tower and the platform."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.test_tower import CHANNEL, PAYER, signed
from tests.client.towers import Teller, claim_of, keep, listen, problem, teller, until_ready
from tests.tower.conftest import stage_on
from watchtower.client import Answer, Claim, Queued, TowerClient, delivery
from watchtower.client.delivery import Delivery
from watchtower.client.queue import Queue
from watchtower.errors import ClientFileError, TowerUnreachableError
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops

THIEF = Person.named("a thief")
NOBODY = "unix:/nowhere/door.sock"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the queue is."""
    return tmp_path / "claims.queue"


@pytest.fixture
def queue(path: Path) -> Any:
    """A queue with room for a hundred."""
    made = Queue(path, most=100)
    yield made
    made.close()


def channel(number: int) -> ChannelId:
    """One channel of many."""
    return ChannelId(f"{number:064X}")


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it is another process, or a server of the test
            await asyncio.sleep(0.01)


def by_strangers(count: int) -> list[Claim]:
    """Claims of one channel, each well signed, and by a key of its own."""
    return [
        Claim(CHANNEL, Drops(9), person.sign_claim(CHANNEL, Drops(9)), person.public_key)
        for person in (Person.named(f"thief {number}") for number in range(count))
    ]


def claims_heard(tower: Teller) -> list[tuple[str, int]]:
    """What a tower was given, in order."""
    told = [msgspec.json.decode(body) for _, _, _, body in tower.heard]
    return [(claim["channel"], int(claim["amount"])) for batch in told for claim in batch]


async def test_claim_waits_for_the_tower_and_is_redeemable_then(tmp_path: Path) -> None:
    """The main job: the tower is down, a claim comes, the tower comes back, the claim is there."""
    async with stage_on(tmp_path) as stage:
        place = listen(stage, tmp_path)
        name = await stage.channel()
        delivered: list[tuple[Claim, Answer]] = []

        def told(claim: Claim, answer: Answer) -> None:
            delivered.append((claim, answer))

        async with TowerClient(
            place, queue=tmp_path / "q", patience=0.0, on_delivered=told
        ) as tower:
            claim = claim_of(stage.claim(name, 30))
            assert isinstance(await tower.submit(claim), Queued)
            async with stage.tower():
                await until_ready(stage, tower)
                await until(lambda: bool(delivered))
                assert [(one, answer.is_held) for one, answer in delivered] == [(claim, True)]
                shown = await tower.channel(name)
                assert shown is not None
                assert shown.best_claim == 30
            assert await tower.count_queued() == 0


HOLDER = """
import asyncio, sys
from pathlib import Path
from tests.client.test_tower import signed
from watchtower.client import Queued, TowerClient

async def main():
    async with TowerClient(sys.argv[1], queue=Path(sys.argv[2]), patience=0.0) as tower:
        for drops in range(1, 100_000):
            told = await tower.submit(signed(drops))
            assert isinstance(told, Queued)
            print(drops, flush=True)

asyncio.run(main())
"""


async def holder(path: Path, place: str = NOBODY) -> asyncio.subprocess.Process:
    """A platform's process of its own, which hands rising claims to a tower that is down."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", HOLDER, place, str(path)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.parametrize("lines", [1, 7, 30])
async def test_queued_claims_survive_the_kill_of_the_platform(path: Path, lines: int) -> None:
    """What `submit` called queued is on disk: SIGKILL, at any time, takes nothing of it."""
    process = await holder(path)
    assert process.stdout is not None
    told = [int(await process.stdout.readline()) for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with teller(keep()) as found, TowerClient(found.place, queue=path):
        await until(lambda: bool(found.heard))
    ((_, drops),) = claims_heard(found)
    assert drops >= told[-1]


async def test_several_processes_share_a_queue(path: Path) -> None:
    """Three platforms write at once and are killed: the file is whole, the best is there."""
    processes = [await holder(path) for _ in range(3)]
    told = []
    for process in processes:
        assert process.stdout is not None
        told.append([int(await process.stdout.readline()) for _ in range(10)][-1])
        process.send_signal(signal.SIGKILL)
    for process in processes:
        await process.wait()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    left = Queue(path, most=100)
    (best,) = left.waiting(10)
    left.close()
    assert best.amount >= max(told)


async def test_one_process_delivers_and_another_takes_over(path: Path, queue: Queue) -> None:
    """The lock is the living one's: while another process has it, nobody else delivers."""
    other = Queue(path, most=100)
    assert other.is_ours()
    assert not queue.is_ours()
    queue.put([signed(5)])
    async with teller(keep()) as found, TowerClient(found.place, queue=path) as tower:
        await asyncio.to_thread(lambda: None)
        assert await tower.count_queued() == 1
        assert not found.heard
        other.close()
        await until(lambda: bool(found.heard))
    assert claims_heard(found) == [(CHANNEL, 5)]


def test_only_the_highest_of_a_channel_waits(queue: Queue) -> None:
    """However many were signed, one is enough; a lower one that comes later changes nothing."""
    queue.put([signed(3), signed(9), signed(5)])
    queue.put([signed(4)])
    assert [claim.amount for claim in queue.waiting(10)] == [9]


def test_forged_claim_pushes_out_nothing(queue: Queue) -> None:
    """A thief writes a higher number: under the payer's key, under his own, and under none."""
    genuine = signed(5)
    theirs = THIEF.sign_claim(CHANNEL, Drops(99))
    forged = Claim(CHANNEL, Drops(99), theirs, PAYER.public_key)
    own = Claim(CHANNEL, Drops(99), theirs, THIEF.public_key)
    keyless = Claim(CHANNEL, Drops(99), theirs)
    assert queue.put([genuine, forged, own, keyless]) == ["", "bad_signature", "", ""]
    waiting = queue.waiting(10)
    assert genuine in waiting
    assert forged not in waiting
    assert len(waiting) == 3


@given(st.permutations([(person, drops) for person in (PAYER, THIEF) for drops in (1, 5, 7)]))
def test_best_of_each_key_waits_in_whatever_order_they_come(
    order: Sequence[tuple[Person, int]],
) -> None:
    """The rule behind it: by channel and key the highest."""
    with TemporaryDirectory() as folder:
        made = Queue(Path(folder) / "claims.queue", most=100)
        for person, drops in order:
            signature = person.sign_claim(CHANNEL, Drops(drops))
            made.put([Claim(CHANNEL, Drops(drops), signature, person.public_key)])
        found = {claim.public_key: claim.amount for claim in made.waiting(10)}
        made.close()
    assert found == {PAYER.public_key: 7, THIEF.public_key: 7}


def test_full_queue_takes_nothing_and_drops_nothing(queue: Queue) -> None:
    """Whoever floods it keeps others from being queued, and nobody's claim is lost by that."""
    queue.put([signed(1, channel(number)) for number in range(100)])
    with pytest.raises(ClientFileError, match="100 claims wait"):
        queue.put([signed(1, channel(100))])
    assert queue.count() == 100
    queue.put([signed(2, channel(7))])
    assert queue.count() == 100


def test_one_channel_cannot_fill_the_queue(queue: Queue) -> None:
    """Keys are free, so claims of one channel have a bound of their own; the payer's goes on."""
    queue.put([signed(1)])
    strange = by_strangers(17)
    assert queue.put(strange) == [""] * 15 + ["pending_full"] * 2
    assert queue.put([signed(2)]) == [""]
    assert set(queue.waiting(100)) == {signed(2), *strange[:15]}


def test_channel_without_room_keeps_no_other_claim_out(queue: Queue) -> None:
    """A stranger fills his channel, and hands one more over in a batch with honest claims."""
    *strange, one_more = by_strangers(17)
    queue.put(strange)
    honest = [signed(5, channel(1)), signed(6, channel(2))]
    assert queue.put([honest[0], one_more, honest[1]]) == ["", "pending_full", ""]
    assert set(queue.waiting(100)) == {*strange, *honest}


def test_claims_without_room_take_none_of_the_whole_queue(path: Path) -> None:
    """What is refused on its own channel is not counted against the others."""
    small = Queue(path, most=17)
    assert small.put([*by_strangers(40), signed(5, channel(1))])[-1] == ""
    assert small.count() == 17
    small.close()


def test_claim_that_was_raised_while_it_was_delivered_stays(queue: Queue) -> None:
    """The answer was for the lower one."""
    queue.put([signed(5)])
    queue.put([signed(6)])
    queue.answered([signed(5)])
    assert queue.waiting(10) == [signed(6)]


async def test_refused_queue_is_said_and_not_hidden(path: Path) -> None:
    """Neither kept nor queued is an error, and never an answer that reads like one of them."""
    async with TowerClient(NOBODY, queue=path, patience=0.0, most_queued=1) as tower:
        await tower.submit(signed(1))
        with pytest.raises(ClientFileError, match="serve nothing"):
            await tower.submit(signed(1, channel(2)))


async def test_forged_claim_is_answered_as_the_tower_would(path: Path) -> None:
    """Its own key did not sign it, which needs no tower to be seen."""
    forged = Claim(CHANNEL, Drops(6), signed(5).signature, PAYER.public_key)
    async with TowerClient(NOBODY, queue=path, patience=0.0) as tower:
        told = await tower.submit_all([forged, signed(5)])
        assert await tower.count_queued() == 1
    assert isinstance(told[0], Answer)
    assert told[0].why_not_kept == "bad_signature"
    assert isinstance(told[1], Queued)


async def test_claim_without_room_on_its_channel_is_told_apart(path: Path) -> None:
    """It alone is neither kept nor queued, and is to be handed over again; the others wait."""
    batch = [*by_strangers(17), signed(5, channel(1))]
    async with TowerClient(NOBODY, queue=path, patience=0.0) as tower:
        *others, refused, last = await tower.submit_all(batch)
        assert await tower.count_queued() == 17
    assert all(isinstance(one, Queued) for one in (*others, last))
    assert isinstance(refused, Answer)
    assert (refused.kept, refused.pending, refused.serve) == (False, False, False)
    assert refused.why_not_kept == "pending_full"
    assert "hand it over again" in refused.sentence


def test_files_are_their_owners_alone(queue: Queue, path: Path) -> None:
    """Claims show who pays whom, and open doors where they were not shown yet."""
    queue.put([signed(5)])
    queue.is_ours()
    before = os.umask(0)
    os.umask(before)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_file_that_others_can_read_is_not_used(path: Path) -> None:
    """Somebody made it so, and may be reading it."""
    path.touch(0o644)
    path.chmod(0o644)
    with pytest.raises(ClientFileError, match="644"):
        Queue(path, most=1)


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 30])
def test_file_of_another_kind_is_left_as_it_is(path: Path, content: bytes) -> None:
    """A wrong path must not cost somebody a file."""
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ClientFileError, match="not a database"):
        Queue(path, most=1)
    assert path.read_bytes() == content


def test_database_of_another_kind_is_left_as_it_is(path: Path) -> None:
    """Also one of SQLite's own."""
    path.touch(0o600)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE claims (something)")
    connection.close()
    with pytest.raises(ClientFileError, match="another kind"):
        Queue(path, most=1)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("claims",)]
    connection.close()


async def test_claim_that_the_tower_cannot_read_holds_up_no_other(path: Path) -> None:
    """One of many makes the tower refuse the request: the others are found and delivered."""

    def answer(request: Any) -> Any:
        claims = msgspec.json.decode(request[3])
        if any("public_key" not in claim for claim in claims):
            return problem(400, "malformed")
        return keep()(request)

    keyless = Claim(channel(3), Drops(5), PAYER.sign_claim(channel(3), Drops(5)))
    made = Queue(path, most=100)
    made.put([keyless, *(signed(5, channel(number)) for number in (1, 2, 4, 5))])
    made.close()
    delivered: list[Claim] = []
    async with (
        teller(answer) as found,
        TowerClient(
            found.place, queue=path, on_delivered=lambda claim, _: delivered.append(claim)
        ) as tower,
    ):
        await until(lambda: len(delivered) == 4)
        assert await tower.count_queued() == 1
    assert {claim.channel for claim in delivered} == {channel(n) for n in (1, 2, 4, 5)}


async def test_wrong_token_loses_nothing_that_waits(path: Path) -> None:
    """It is refused at once, told in the log, and everything stays until the token is right."""
    made = Queue(path, most=100)
    made.put([signed(5)])
    made.close()
    async with (
        teller(problem(401, "unauthenticated"), keep()) as found,
        TowerClient(found.place, queue=path),
    ):
        await until(lambda: len(found.heard) > 1)
    assert claims_heard(found)[-1] == (CHANNEL, 5)


async def test_delivery_waits_as_long_as_the_tower_asks(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each time longer, with luck on top: a tower that comes back is not run over."""
    waits: list[float] = []
    ended = asyncio.Event()

    async def note(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            ended.set()
            await asyncio.Event().wait()

    async def busy(_claims: Sequence[Claim]) -> Sequence[Answer]:
        raise TowerUnreachableError(place="x", why="busy", retry_after=7.0)

    monkeypatch.setattr("watchtower.client.delivery.asyncio.sleep", note)
    queue.put([signed(5)])
    delivery = Delivery(queue, busy, told=lambda _claim, _answer: None, luck=lambda: 0.5)
    running = asyncio.create_task(delivery.run())
    await ended.wait()
    running.cancel()
    assert waits == [7.05, 7.1, 7.2, 7.4]
    assert queue.count() == 1


async def test_callback_that_fails_ends_no_deliveries(path: Path) -> None:
    """A mistake of the platform's stops neither the queue nor the platform."""

    def told(_claim: Claim, _answer: Answer) -> None:
        raise RuntimeError

    made = Queue(path, most=100)
    made.put([signed(5)])
    made.close()
    async with (
        teller(keep()) as found,
        TowerClient(found.place, queue=path, on_delivered=told, patience=0.0) as tower,
    ):
        await until(lambda: len(found.heard) == 1)
        while await tower.count_queued():  # noqa: ASYNC110 - it is asked, it does not call
            await asyncio.sleep(0.01)
        found.answers[:] = [problem(503, "stopping")]
        tower._patience = 0.0
        await tower.submit(signed(6))
        found.answers[:] = [keep()]
        await until(
            lambda: claims_heard(found)[-1] == (CHANNEL, 6) and not found.talking - found.talking
        )


@pytest.mark.parametrize("why", ["key_unknown", "pending_full", "unknown_channel"])
async def test_claim_that_the_tower_cannot_decide_about_stays(path: Path, why: str) -> None:
    """While no server tells of its channel, it may be answered and not decided."""
    keyless = Claim(CHANNEL, Drops(5), PAYER.sign_claim(CHANNEL, Drops(5)))
    made = Queue(path, most=100)
    made.put([keyless])
    made.close()
    undecided = keep(kept=False, serve=False, why_not_kept=why)
    async with teller(undecided, keep()) as found, TowerClient(found.place, queue=path) as tower:
        await until(lambda: len(found.heard) == 1)
        assert await tower.count_queued() == 1
        await until(lambda: len(found.heard) == 2)


async def test_claim_on_a_channel_that_never_appears_is_let_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some twenty minutes; until then its channel may be too new for the servers asked."""
    monkeypatch.setattr(delivery, "_MAY_YET_APPEAR", 0.0)
    made = Queue(path, most=100)
    made.put([Claim(CHANNEL, Drops(5), PAYER.sign_claim(CHANNEL, Drops(5)))])
    made.close()
    unknown = keep(kept=False, serve=False, why_not_kept="unknown_channel")
    async with teller(unknown) as found, TowerClient(found.place, queue=path) as tower:
        await until(lambda: len(found.heard) == 1)
        while await tower.count_queued():  # noqa: ASYNC110 - it is asked, it does not call
            await asyncio.sleep(0.01)
