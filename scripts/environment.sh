# Sourced by every script here: finds Python, makes .venv once, and leaves its programs on PATH.
#
# Installs exactly what requirements/*.txt pin, checked by hash. A change of those files, of
# pyproject.toml or of the interpreter makes the environment anew; otherwise this costs nothing.
# Missing system packages are installed when root; otherwise the command is printed.
#
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
venv="$root/.venv"
# The interpreter that makes the environment must not be the one inside it, which goes first.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -Fxv "$venv/bin" | paste -sd:)
hash -r

need_packages() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing system packages: $*" >&2
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2
  else
    echo "This needs system packages that are missing. Install them and try again:" >&2
    echo "    sudo apt-get install $*" >&2
    exit 69
  fi
}

# Installs a server that tests start themselves, on ports of their own:
# need_server PROGRAM PACKAGE [SERVICE]
# The package alone would start it at once, and again with the machine.
need_server() {
  PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null && return
  local policy=/usr/sbin/policy-rc.d
  if [ "$(id -u)" = 0 ] && [ ! -e "$policy" ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  else
    policy=
  fi
  need_packages "$2"
  if [ -n "$policy" ]; then
    rm -f "$policy"
    trap - EXIT
  fi
  if command -v systemctl >/dev/null; then
    systemctl disable --quiet "${3:-$1}" 2>/dev/null || true
  fi
}

# For scripts that need a broker.
need_broker() {
  need_server mosquitto mosquitto
}

# For scripts that check rules for Prometheus: its package has the program that does.
need_promtool() {
  need_server promtool prometheus prometheus
}

# For scripts that come to the tower through a reverse proxy.
need_proxy() {
  need_server nginx nginx-light
}

# For scripts that ask systemd what it says of the units; it need not run.
need_systemd() {
  command -v systemd-analyze >/dev/null || need_packages systemd
}

# For scripts that run what talks to an HSM: the tests make tokens of their own in SoftHSM.
need_softhsm() {
  command -v softhsm2-util >/dev/null || need_packages softhsm2
}

# For scripts that look at pages as people do.
need_chromium() {
  command -v chromium >/dev/null || need_packages chromium fonts-dejavu-core
}

# For scripts that run every test.
need_all() {
  need_broker
  need_chromium
  need_promtool
  need_proxy
  need_softhsm
  need_systemd
  need_shellcheck
  need_shells_and_manual
}

# For what looks at the manual, and types commands into each shell.
need_shells_and_manual() {
  local program package missing=()
  for program in zsh fish mandoc groff man:man-db; do
    package=${program#*:} program=${program%:*}
    command -v "$program" >/dev/null || missing+=("$package")
  done
  [ "${#missing[@]}" = 0 ] || need_packages "${missing[@]}"
}

# For what looks at scripts like this one.
need_shellcheck() {
  command -v shellcheck >/dev/null || need_packages shellcheck
}

find_python() {
  local name
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    if [ -z "$name" ] || ! command -v "$name" >/dev/null; then
      continue
    fi
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

python=$(find_python)
if [ -z "$python" ]; then
  need_packages python3 python3-venv
  python=$(find_python)
fi
if [ -z "$python" ]; then
  echo "The watchtower needs Python 3.11 or newer, and this system offers none. Install one and set PYTHON to it." >&2
  exit 69
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv

# Of pyproject.toml only what is installed counts, which stands before the tools' own tables.
wanted=$(cat requirements/build.txt requirements/dev.txt <(sed '/^\[tool/,$d' pyproject.toml) \
  <("$python" -VV) <(echo "$root") | sha256sum)
if [ "$(cat "$venv/.made-from" 2>/dev/null)" != "$wanted" ]; then
  echo "Setting up the environment in .venv …" >&2
  rm -rf "$venv"
  "$python" -m venv "$venv"
  # Wheels only, so that nothing of a dependency runs while it is installed.
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: -r requirements/build.txt -r requirements/dev.txt >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --no-deps --no-build-isolation --editable . >&2
  echo "$wanted" >"$venv/.made-from"
fi
export PATH="$venv/bin:$PATH"
