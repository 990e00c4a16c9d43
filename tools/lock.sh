#!/bin/sh
# Pins every dependency, with hashes, for all Python versions and platforms that pyproject.toml admits.
set -eu
cd "$(dirname -- "$0")/.."
tool=.cache/lock-venv
[ -x $tool/bin/uv ] || { python3 -m venv $tool && $tool/bin/pip install --quiet uv; }
compile() {
    out=$1; shift
    echo "==> $out"
    $tool/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
        --no-emit-find-links --custom-compile-command "make lock" --output-file "$out" "$@"
}
compile requirements/cpu.lock --extra cpu pyproject.toml
compile requirements/gpu.lock --extra gpu pyproject.toml
# The versions that the product runs with are the versions that it is tested with.
compile requirements/dev.lock --extra cpu --extra systemd --group dev --constraint requirements/cpu.lock pyproject.toml
