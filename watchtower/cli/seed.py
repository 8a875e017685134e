"""Where commands get a family seed: a hidden prompt, a file, or standard input; no argument."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from watchtower.errors import SeedError

__all__ = ["read_seed"]


def read_seed(seed_file: str | None) -> str:
    """Return the seed that stands in a file, on standard input (-), or that a person writes.

    Raises:
        SeedError: it cannot be read; what is said of it never holds it.
    """
    if seed_file is None:
        if not sys.stdin.isatty():
            raise SeedError(why="there is no terminal to ask at; give --seed-file FILE or -")
        seed: str = click.prompt("Seed", hide_input=True, err=True)
        return seed
    if seed_file == "-":
        return sys.stdin.readline().strip()
    try:
        return Path(seed_file).read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise SeedError(why=f"{seed_file} is no text") from None
    except OSError as problem:
        why = f"{seed_file} cannot be read ({problem.strerror})"
        raise SeedError(why=why) from None
