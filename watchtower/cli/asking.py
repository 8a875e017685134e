"""Secrets, asked for at a hidden prompt, read from a private file or from standard input.

None of them is ever an argument: those stand in the shell's history and in the list of processes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from watchtower.errors import ConfigError, DeclinedError, MnemonicError, SeedError
from watchtower.keys.mnemonic import Mnemonic, read_mnemonic
from watchtower.keys.secret_file import read_secret

__all__ = ["ask_mnemonic", "ask_passphrase", "ask_seed", "confirm", "mnemonic_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_STANDARD_INPUT = "-"


def mnemonic_options(command: Command) -> Command:
    """Give ``command`` the options that say where a mnemonic and its passphrase come from."""
    options = (
        click.option(
            "--mnemonic-file",
            help="A private file with the mnemonic, or - for standard input; else it is asked for.",
        ),
        click.option(
            "--mnemonic-passphrase",
            is_flag=True,
            help="The mnemonic has a passphrase (BIP-39): ask for it.",
        ),
        click.option(
            "--mnemonic-passphrase-file",
            help="A private file with that passphrase, or - for the next line of standard input.",
        ),
        click.option(
            "--wallet",
            type=click.IntRange(0, 2**31 - 1),
            default=None,
            help="The account number in the path (BIP-44); 0 if not given.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def ask_mnemonic(file: str | None) -> Mnemonic:
    """Return the mnemonic that a person or a file gives.

    Raises:
        MnemonicError: it is none, or there is nobody to ask.
        ConfigError: the file cannot be read, or others can read it.
    """
    if file is not None:
        return read_mnemonic(_read(file))
    if not sys.stdin.isatty():
        raise MnemonicError(why="there is no terminal to ask at; give --mnemonic-file FILE or -")
    return read_mnemonic(_hidden("Mnemonic"))


def ask_passphrase(file: str | None, *, is_wanted: bool) -> str:
    """Return the mnemonic's passphrase, empty if there is none; a person writes it twice.

    Raises:
        MnemonicError: there is nobody to ask.
        ConfigError: the file cannot be read, or others can read it.
    """
    if file is not None:
        return _read(file)
    if not is_wanted:
        return ""
    if not sys.stdin.isatty():
        why = "there is no terminal to ask its passphrase at; give --mnemonic-passphrase-file"
        raise MnemonicError(why=why)
    return _hidden("Passphrase of the mnemonic", confirm=True)


def ask_seed(file: str | None, name: str = "Seed") -> str:
    """Return the family seed that a person or a file gives.

    Raises:
        SeedError: there is nobody to ask, or the file cannot be read, or others can read it.
    """
    if file is None:
        if not sys.stdin.isatty():
            raise SeedError(why="there is no terminal to ask at; give --seed-file FILE or -")
        return _hidden(name)
    try:
        return _read(file).strip()
    except ConfigError as problem:
        raise SeedError(why=f"{file}: {problem.facts['why']}") from None


def confirm(question: str) -> None:
    """Ask a person whether to go on; no is what Enter alone means.

    Raises:
        DeclinedError: the answer is no.
    """
    if not click.confirm(question, default=False, err=True):
        raise DeclinedError


def _read(file: str) -> str:
    if file == _STANDARD_INPUT:
        try:
            return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ConfigError(path="standard input", why="it is no UTF-8 text") from None
    return read_secret(Path(file))


def _hidden(name: str, *, confirm: bool = False) -> str:
    answer: str = click.prompt(name, hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
