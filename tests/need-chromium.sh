#!/bin/sh
# Makes sure a Chromium is on this machine for the browser tests: installs it where we are root, else says what is missing.
set -eu
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null 2>&1 && exit 0; done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
    exit 0
fi
echo "missing: Chromium for the browser tests. Ask an administrator for 'apt-get install chromium'." >&2
exit 1
