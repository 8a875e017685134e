"""The scripts by which shells complete the commands, each with all that can be written.

What a shell runs while somebody types is the script alone: no process of ours starts, no store is
opened, and nobody is asked for a passphrase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from watchtower.cli.completion_tree import Option, Place, Value

__all__ = ["SCRIPTS"]

_BASH: Final = r"""# Completion of `watchtower` for bash.
_watchtower() {
  local current=$2 previous=$3 place=watchtower i words='' options='' files=''
  COMPREPLY=()
  # bash takes `--option=value` apart.
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place ${COMP_WORDS[i]}" in
%(inner)s) place+=" ${COMP_WORDS[i]}" ;;
    esac
  done
  case "$place $previous" in
%(values)s
    *)
      case $place in
%(places)s
      esac
      ;;
  esac
  if [[ -n $options && $current == -* ]]; then
    words=$options
  elif [[ -n $files ]]; then
    compopt -o "$files"
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _watchtower watchtower
"""

_ZSH: Final = r"""#compdef watchtower
# Completion of `watchtower` for zsh.
_watchtower() {
  local place=watchtower previous=$words[CURRENT-1]
  local -a commands options values
  local files=''
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    case "$place $words[i]" in
%(inner)s) place+=" $words[i]" ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then
    previous=${PREFIX%%%%=*}
    compset -P 1 '*='
  fi
  case "$place $previous" in
%(values)s
  esac
  case $place in
%(places)s
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
    return
  fi
  (( $#commands )) && _describe command commands
  (( $#values )) && compadd -a values
  [[ -n $files ]] && _files ${(z)files}
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _watchtower "$@"
else
  compdef _watchtower watchtower
fi
"""

_FISH: Final = r"""# Completion of `watchtower` for fish.
function __watchtower_at --description 'Whether the words so far call just that command'
  set --local place watchtower
  set --local given (commandline --tokenize --current-process --cut-at-cursor)
  for word in $given[2..]
    switch "$place $word"
      case %(inner)s
        set place "$place $word"
    end
  end
  test "$place" = "$argv"
end
complete --command watchtower --no-files
%(places)s
"""

_BASH_FILES: Final[Mapping[Value | None, str]] = {Value.FILE: "default", Value.FOLDER: "dirnames"}
_ZSH_FILES: Final[Mapping[Value | None, str]] = {Value.FILE: "-g '*'", Value.FOLDER: "-/"}


def _bash(places: Sequence[Place]) -> str:
    return _BASH % {
        "inner": _either(places),
        "values": "\n".join(_values(places, _bash_value)),
        "places": "\n".join(
            f'        "{place.name}") words="{" ".join([*_names(place), *place.words])}" '
            f'options="{" ".join(name for one in place.options for name in one.names)}" '
            f"files={_BASH_FILES.get(place.takes, '')} ;;"
            for place in places
        ),
    }


def _bash_value(option: Option) -> str:
    if option.words:
        return f'words="{" ".join(option.words)}"'
    files = _BASH_FILES.get(option.takes)
    return f"files={files}" if files else "return"


def _zsh(places: Sequence[Place]) -> str:
    return _ZSH % {
        "inner": _either(places),
        "values": "\n".join(_values(places, _zsh_value)),
        "places": "\n".join(
            f'    "{place.name}")\n'
            f"      commands=({' '.join(_zsh_said(*told) for told in place.commands)})\n"
            f"      options=({' '.join(_zsh_options(place))})\n"
            f"      values=({' '.join(place.words)})"
            + (f" files={_quoted(_ZSH_FILES[place.takes])}" if place.takes in _ZSH_FILES else "")
            + " ;;"
            for place in places
        ),
    }


def _zsh_options(place: Place) -> Iterator[str]:
    for option in place.options:
        for name in option.names:
            yield _zsh_said(name, option.means)


def _zsh_said(word: str, means: str) -> str:
    return _quoted(f"{word}:{means}")


def _zsh_value(option: Option) -> str:
    if option.words:
        return f"compadd - {' '.join(option.words)}; return"
    files = _ZSH_FILES.get(option.takes)
    return f"_files {files}; return" if files else "return 1"


def _fish(places: Sequence[Place]) -> str:
    return _FISH % {
        "inner": " ".join(f"'{place.name}'" for place in places[1:]),
        "places": "\n".join(line for place in places for line in _fish_place(place)),
    }


def _fish_place(place: Place) -> Iterator[str]:
    at = f"complete --command watchtower --condition '__watchtower_at {place.name}'"
    for word, means in place.commands:
        yield f"{at} --arguments {word} --description {_fish_quoted(means)}"
    for option in place.options:
        names = " ".join(
            f"--long-option {name[2:]}" if name.startswith("--") else f"--short-option {name[1:]}"
            for name in option.names
        )
        yield f"{at} {names} {_fish_value(option)}--description {_fish_quoted(option.means)}"
    if place.words:
        yield f"{at} --arguments '{' '.join(place.words)}'"
    if place.takes is Value.FILE:
        yield f"{at} --force-files"
    elif place.takes is Value.FOLDER:
        yield f"{at} --arguments '(__fish_complete_directories)'"


def _fish_value(option: Option) -> str:
    if option.takes is None:
        return ""
    if option.words:
        return f"--exclusive --arguments '{' '.join(option.words)}' "
    match option.takes:
        case Value.FILE:
            return "--require-parameter --force-files "
        case Value.FOLDER:
            return "--exclusive --arguments '(__fish_complete_directories)' "
        case _:
            return "--exclusive "


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _names(place: Place) -> list[str]:
    return [word for word, _ in place.commands]


def _either(places: Sequence[Place]) -> str:
    """Return a pattern of all words that lead further: of every place but the program itself."""
    return " | \\\n".join(f'      "{place.name}"' for place in places[1:])


def _values(places: Sequence[Place], said: Callable[[Option], str]) -> Iterator[str]:
    """Yield what is done behind each option that takes a value, for a ``case``."""
    for place in places:
        for option in place.options:
            if option.takes is not None:
                names = " | ".join(f'"{place.name} {name}"' for name in option.names)
                yield f"    {names}) {said(option)} ;;"


SCRIPTS: Final[Mapping[str, Callable[[Sequence[Place]], str]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
"""What makes a script of the places, the whole program first, by the shell's name."""
