#!/bin/sh
# Makes a Debian 12 or 13 machine ready for `make run` or `make test`, and says what it does. Safe to repeat:
# what is there already is left alone.
#
#   tools/bootstrap.sh run|test|train
set -eu

purpose=${1:?usage: tools/bootstrap.sh run|test|train}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=${STENOBOX_VENV:-$root/.venv}

say() { printf '==> %s\n' "$*"; }

# A package is wanted when the file or command that it brings is missing, so that an image which carries the same thing
# from elsewhere (a Python of its own, say) is not made to install it twice.
wanted=""
want_command() { command -v "$1" >/dev/null 2>&1 || wanted="$wanted $2"; }
want_file() { [ -e "$1" ] || wanted="$wanted $2"; }

if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    wanted="$wanted python3 python3-venv"
fi
case $purpose in
    run) ;;
    test)
        # systemd-python comes as source: a compiler, Python's headers and libsystemd's.
        want_command cc gcc
        want_command pkg-config pkg-config
        want_file /usr/include/systemd/sd-daemon.h libsystemd-dev
        python3 -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
            2>/dev/null || wanted="$wanted python3-dev libc6-dev"
        # Speech for the tests, a browser for the page, systemd's own check of the unit, git for the wheel's clean copy.
        want_command espeak-ng espeak-ng
        want_command chromium chromium
        want_command systemd-analyze systemd
        want_command git git
        want_command curl curl
        # In front of the box, as a reverse proxy with HTTPS.
        want_command nginx nginx-light
        want_command mkfs.ext4 e2fsprogs
        want_command mount mount
        # A real SMB server and client for the hot folder, and Node for tus-js-client.
        want_command smbd samba
        want_command smbclient smbclient
        want_command node nodejs
        want_command npm npm
        ;;
    train)
        want_command espeak-ng espeak-ng
        want_command flite flite
        ;;
    *) say "unknown purpose: $purpose"; exit 2 ;;
esac

if [ -n "$wanted" ]; then
    line="apt-get update && apt-get install -y --no-install-recommends$wanted"
    if [ "$(id -u)" != 0 ]; then
        say "This machine lacks:$wanted"
        say "Run this first, then make again:"
        printf "\n    sudo sh -c '%s'\n\n" "$line"
        exit 1
    fi
    say "$line"
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted
fi

if [ ! -x "$venv/bin/python" ]; then
    say "python3 -m venv $venv"
    python3 -m venv "$venv"
fi

# The NVIDIA driver, not a library, decides: onnxruntime-gpu loads without a card and then cannot use one.
if [ -e /proc/driver/nvidia/version ]; then target=gpu; else target=cpu; fi
case $purpose in
    run) locks="requirements/$target.lock" ;;
    # The tests prove the CPU path on any machine; onnxruntime and onnxruntime-gpu must never be installed together.
    test) target=cpu; locks="requirements/cpu.lock requirements/dev.lock" ;;
    train) locks="requirements/train.lock" ;;
esac

# pip is slow even when it has nothing to do, so a stamp of the locks' contents remembers what is in the environment.
stamp=$venv/.stenobox-$purpose-$target
sum=$(cd "$root" && cat $locks requirements/vad.lock pyproject.toml setup.py | cksum)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$sum" ]; then
    for lock in $locks; do
        say "pip install -r $lock"
        "$venv/bin/python" -m pip install --quiet --require-hashes -r "$root/$lock"
    done
    if [ "$purpose" != train ]; then
        # Only its network is used, by our own runtime; what its Python code depends on (torch) stays away.
        say "pip install --no-deps -r requirements/vad.lock"
        "$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r "$root/requirements/vad.lock"
        say "pip install --editable . (this checkout)"
        "$venv/bin/python" -m pip install --quiet --no-deps --editable "$root"
    fi
    printf '%s' "$sum" >"$stamp"
fi
# tus-js-client, which the tests drive as a browser would.
if [ "$purpose" = test ]; then
    node_stamp=$root/.cache/node/.installed
    node_sum=$(cksum <"$root/tests/harness/node/package.json")
    if [ "$(cat "$node_stamp" 2>/dev/null || true)" != "$node_sum" ]; then
        say "npm install (tests/harness/node/package.json) into .cache/node"
        mkdir -p "$root/.cache/node"
        cp "$root/tests/harness/node/package.json" "$root/.cache/node/"
        npm install --silent --no-audit --no-fund --no-package-lock --prefix "$root/.cache/node"
        printf '%s' "$node_sum" >"$node_stamp"
    fi
fi
say "ready ($target): $venv"
