"""``watchtower doctor``: what is wrong with the tower and its surroundings, and what mends it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import asked_word, hsm, keys_in_files, run_async, settings
from watchtower.doctor.chart import Patient
from watchtower.doctor.examine import examine
from watchtower.doctor.finding import CHECKS, GROUPS, Finding, Level, counted, of_trouble
from watchtower.errors import ConfigError, InputError, TowerUnwellError
from watchtower.keys.passphrase import find_word
from watchtower.keys.ways import AnyWayIn
from watchtower.settings import CONFIG_VARIABLE, Settings, config_path
from watchtower.signer_settings import is_of_signer

__all__ = ["doctor"]

_SYMBOLS: Final = {Level.OK: "✓", Level.NOTICE: "·", Level.WARNING: "!", Level.FAILURE: "✗"}
_COLOURS: Final = {Level.NOTICE: "cyan", Level.WARNING: "yellow", Level.FAILURE: "red"}


@click.command(
    epilog=examples(
        "watchtower doctor                      # look at everything",
        "watchtower doctor --only servers --only authority",
        "watchtower doctor --offline --strict --json",
    )
)
@click.option(
    "--only",
    "only",
    multiple=True,
    type=click.Choice((*GROUPS, *CHECKS)),
    metavar="NAME",
    help="Tell of this group, or this check, alone; may be given several times.",
)
@click.option("--offline", is_flag=True, help="Ask neither servers nor the broker.")
@click.option("--strict", is_flag=True, help="End with exit code 98 for warnings, too.")
@json_option
def doctor(only: tuple[str, ...], *, offline: bool, strict: bool, as_json: bool) -> None:
    """Look at everything that could go wrong, say what does, and what mends it.

    Nothing is changed, written or sent; it works beside a running daemon, and without one. Ends
    with exit code 98 if anything fails.
    """
    found = _examined(offline=offline)
    told = [one for one in found if not only or {one.check, one.group} & {*only}]
    told.sort(key=lambda one: [*CHECKS].index(one.check))
    counts = counted(told)
    bad = [Level.FAILURE, Level.WARNING] if strict else [Level.FAILURE]
    unwell = [one for one in told if one.level in bad]
    if as_json:
        for one in told:
            tell(one.report(), "", as_json=True)
        tell({"well": not unwell, **counts}, "", as_json=True)
    else:
        for line in _lines(told):
            click.echo(line)
        click.echo(_summary(counts))
    if unwell:
        checks = ", ".join(dict.fromkeys(one.check for one in unwell))
        raise TowerUnwellError(checks=checks)


def _examined(*, offline: bool) -> Sequence[Finding]:
    path = config_path(os.environ)
    try:
        if path.exists() and is_of_signer(path):
            why = (
                f"it is a signer's; point {CONFIG_VARIABLE} at the daemon's, whose doctor asks "
                "the signer as well"
            )
            raise ConfigError(path=path, why=why)
        loaded = settings()
    except InputError as trouble:
        mend = None if path.exists() else "watchtower init --help"
        return [of_trouble("config.loads", trouble, str(path), mend)]
    return run_async(_examine(path, loaded, offline=offline))


async def _examine(path: Path, loaded: Settings, *, offline: bool) -> list[Finding]:
    try:
        token = hsm(loaded)
    except ConfigError as trouble:
        rest = await examine(_patient(path, loaded, None, offline=offline))
        return [of_trouble("authority.token", trouble), *rest]
    return await examine(_patient(path, loaded, token, offline=offline))


def _patient(path: Path, loaded: Settings, token: Any, *, offline: bool) -> Patient:
    environment: Mapping[str, str] = os.environ
    files = keys_in_files(loaded, environment)
    asking = None
    if sys.stdin.isatty():
        asking = AnyWayIn(asked_word(environment), None)
    return Patient(
        config=path,
        loaded=loaded,
        environment=environment,
        ways=AnyWayIn(lambda: find_word(environment), token, files),
        asking=asking,
        hsm=token,
        offline=offline,
    )


def _lines(told: Collection[Finding]) -> Iterator[str]:
    group = ""
    for one in told:
        if one.group != group:
            group = one.group
            yield click.style(group, bold=True)
        word = f"{_SYMBOLS[one.level]} {one.level.value:<7}"
        yield f"  {click.style(word, fg=_COLOURS.get(one.level, 'green'))} {one.sentence}"
        if one.mend is not None:
            yield f"              {one.mend}"


def _summary(counts: Mapping[str, int]) -> str:
    """Return how many there are of each level; a colour is never all that tells."""
    said = ", ".join(f"{counts[level.value]} {level.value}" for level in Level)
    return f"{said}."
