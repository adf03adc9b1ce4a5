#!/bin/sh
# What the tests need beside Python: a browser, CJK fonts, a PDF reader, PostgreSQL. Nothing is skipped silently.
set -eu
missing=""
need() { # package, test
  sh -c "$2" >/dev/null 2>&1 || missing="$missing $1"
}
need chromium 'test -x /usr/bin/chromium'
need fonts-noto-cjk 'ls /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc'
need poppler-utils 'command -v pdfinfo'
need postgresql 'ls /usr/lib/postgresql/*/bin/initdb'
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing:$missing" >&2
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "the tests need these packages:$missing" >&2
  exit 2
fi
