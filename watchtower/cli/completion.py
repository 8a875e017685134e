"""``watchtower completion``: what makes a shell complete the commands."""

from __future__ import annotations

import click

from watchtower.cli.completion_scripts import SCRIPTS
from watchtower.cli.completion_tree import places
from watchtower.cli.output import examples, json_option, tell

__all__ = ["completion"]


@click.command(
    epilog=examples(
        "watchtower completion bash > ~/.local/share/bash-completion/completions/watchtower",
        "watchtower completion zsh > ~/.zfunc/_watchtower    # a folder of your $fpath",
        "watchtower completion fish > ~/.config/fish/completions/watchtower.fish",
    )
)
@click.argument("shell", type=click.Choice(tuple(SCRIPTS)), metavar="SHELL")
@json_option
@click.pass_context
def completion(context: click.Context, /, *, shell: str, as_json: bool) -> None:
    """Print what makes SHELL complete the commands: bash, zsh or fish.

    Commands, options, their values and files are completed by what is printed alone. While you
    type nothing of the watchtower runs. After an upgrade print it again.
    """
    script = SCRIPTS[shell](list(places(context.find_root().command, "watchtower")))
    tell({"shell": shell, "script": script}, script.rstrip("\n"), as_json=as_json)
