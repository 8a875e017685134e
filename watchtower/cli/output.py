"""How commands speak: text for people, one JSON object a line for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from watchtower.errors import WatchtowerError

__all__ = ["DEBUG_VARIABLE", "examples", "json_option", "report_error", "tell"]

Command = TypeVar("Command", bound=Callable[..., Any])

DEBUG_VARIABLE = "WATCHTOWER_DEBUG"

_BUG = (
    "This is a mistake of ours, and nothing you did: {error}. Please report it, with what the "
    "same command says when WATCHTOWER_DEBUG=1 is set."
)


def json_option(command: Command) -> Command:
    """Give ``command`` the option ``--json``, as the argument ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON, a line each.")(
        command
    )


def examples(*lines: str) -> str:
    """Return the epilog of a command's help: examples that can be copied."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def tell(report: Mapping[str, Any], text: str, *, as_json: bool, err: bool = False) -> None:
    """Answer with ``report`` as JSON, or with ``text``; on standard error with ``err``."""
    click.echo(msgspec.json.encode(report).decode() if as_json else text, err=err)


def report_error(error: Exception, exit_code: int, *, as_json: bool) -> None:
    """Say on standard error what went wrong, in one sentence."""
    sentence = (
        str(error)
        if isinstance(error, WatchtowerError)
        else _BUG.format(error=f"{type(error).__name__}: {error}")
    )
    if as_json:
        body = {"error": type(error).__name__, "sentence": sentence, "exit_code": exit_code}
        click.echo(msgspec.json.encode(body).decode(), err=True)
    else:
        click.echo(sentence, err=True)
