"""``python -m watchtower``: the command line, by the interpreter that is at hand."""

from watchtower.cli import main

main()
