"""``scripts/fuzz``: hostile input, guided by the coverage of our own code, for every parser.

Each target runs in a process of its own, so that one that dies takes none along. The last line is
JSON; the exit code is 1 if anything came out that the code does not document.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from fuzzing.seeds import seeds_of, words_of
from fuzzing.targets import TARGETS

_RUNS: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_SLOWEST: Final = re.compile(r"stat::slowest_unit_time_sec:\s+(\d+)")
_MISSING: Final = 69
_LIMITS: Final = (
    "-max_len=8192",
    "-timeout=20",  # seconds for one input: what takes longer could stop the tower
    "-rss_limit_mb=1024",
    "-print_final_stats=1",
    "-verbosity=0",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fuzzed:
    name: str
    runs: int
    slowest_s: int
    corpus: int
    is_good: bool
    said: str


@click.command()
@click.argument("targets", nargs=-1, type=click.Choice(list(TARGETS)))
@click.option("--seconds", default=60, show_default=True, help="How long for each target.")
@click.option("--runs", default=-1, help="How many inputs for each target, at most.")
@click.option("--jobs", default=1, show_default=True, help="Targets at a time.")
@click.option(
    "--corpus",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to begin with and to keep what is learnt, and inputs that crashed, in.",
)
def main(targets: Sequence[str], seconds: int, runs: int, jobs: int, corpus: Path | None) -> None:
    """Fuzz TARGETS, or all of them."""
    if importlib.util.find_spec("atheris") is None:
        # Its wheels are for few platforms; the tests try a fixed number of inputs everywhere.
        click.echo(
            "This needs atheris, which there is for Python 3.11 to 3.14 on Linux and x86-64.",
            err=True,
        )
        sys.exit(_MISSING)
    with ExitStack() as stack:
        folder = corpus or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        options = (f"-max_total_time={seconds}", f"-runs={runs}", *_LIMITS)
        found = []
        for one in pool.map(lambda name: _fuzz(name, folder, options), targets or TARGETS):
            found.append(one)
            _tell(one)
    report = {
        "targets": {
            one.name: {"runs": one.runs, "corpus": one.corpus, "slowest_s": one.slowest_s}
            for one in found
        },
        "runs": sum(one.runs for one in found),
        "crashes": sum(not one.is_good for one in found),
    }
    click.echo(json.dumps(report))
    sys.exit(1 if report["crashes"] else 0)


def _fuzz(name: str, folder: Path, options: Sequence[str]) -> _Fuzzed:
    learnt, crashes = folder / name, folder / "crashes"
    learnt.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    seeds = seeds_of(name)
    for number, seed in enumerate(seeds):
        (learnt / f"seed-{number:02}").write_bytes(seed)
    words = folder / f"{name}.words"
    words.write_text("".join(f'"{word.decode()}"\n' for word in words_of(seeds)), encoding="ascii")
    done = subprocess.run(  # noqa: S603 - our own module
        [
            *(sys.executable, "-m", "fuzzing.one", name, *options),
            *(f"-dict={words}", f"-artifact_prefix={crashes / name}-", str(learnt)),
        ],
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode(errors="replace")
    return _Fuzzed(
        name=name,
        runs=_number(_RUNS, said),
        slowest_s=_number(_SLOWEST, said),
        corpus=sum(1 for _ in learnt.iterdir()),
        is_good=done.returncode == 0,
        said=done.stdout.decode(errors="replace") + said[-2_000:],
    )


def _number(pattern: re.Pattern[str], said: str) -> int:
    found = pattern.search(said)
    return 0 if found is None else int(found[1])


def _tell(one: _Fuzzed) -> None:
    click.echo(f"{one.name:12} {one.runs:>10,} inputs, {one.corpus:>5,} of them kept")
    if not one.is_good:
        click.echo(one.said)


if __name__ == "__main__":
    main()
