#!/bin/sh
# Make the virtual environment; on Debian the module that fills it is a package of its own.
set -eu
python=$1
venv=$2
[ -x "$venv/bin/python" ] && exit 0
command -v "$python" >/dev/null 2>&1 || python=python3
"$python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || {
  echo "upheld needs Python 3.11 or later; this is $("$python" --version)" >&2; exit 2; }
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  else
    echo "Python's venv module is missing: install the package python3-venv" >&2; exit 2
  fi
fi
"$python" -m venv "$venv"
