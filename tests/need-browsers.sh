#!/bin/sh
# Makes sure that the browsers of the tests are on this machine: installs them where we are root, else says what is missing.
set -eu
missing=""
need() {
    package=$1
    shift
    for program; do command -v "$program" >/dev/null 2>&1 && return; done
    missing="$missing $package"
}
need chromium chromium chromium-browser google-chrome
need firefox-esr firefox-esr firefox
need webkit2gtk-driver WebKitWebDriver
need xvfb Xvfb
need xdotool xdotool
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    # shellcheck disable=SC2086 # several packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    exit 0
fi
echo "missing for the browser tests: ask an administrator for 'apt-get install$missing'." >&2
exit 1
