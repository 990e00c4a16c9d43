#!/bin/sh
# Installs the built wheel with its locked dependencies and nothing else into a fresh environment, uses it as a user would from
# a folder that is not the checkout, and then runs the end-to-end tests against it.
#
#   tools/test_wheel.sh dist/stenobox-*.whl
set -eu

wheel=$(realpath "${1:?usage: tools/test_wheel.sh WHEEL}")
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '==> %s\n' "$*"; }

say "a fresh environment with $(basename "$wheel") and requirements/cpu.lock"
python3 -m venv "$work/venv"
bin=$work/venv/bin
"$bin/python" -m pip install --quiet --require-hashes -r "$root/requirements/cpu.lock"
"$bin/python" -m pip install --quiet --no-deps "$wheel"
"$bin/python" -m pip check

say "what a user does first"
cd "$work"
"$bin/stenobox" --help >/dev/null
"$bin/stenobox" check-config --data "$work/data" >/dev/null
"$bin/stenobox" models list
"$bin/stenobox" models verify demo
"$bin/stenobox" doctor --data "$work/data" || { say "doctor found a fault in a fresh installation"; exit 1; }
speech=$(find "$root/tests/data/speech" -name '*.flac' -o -name '*.wav' | sort | head -n 1)
[ -n "$speech" ] || { say "no recording under tests/data/speech"; exit 1; }
"$bin/stenobox" transcribe "$speech" --model demo --format srt | tee out.srt
grep -q -- '-->' out.srt
"$bin/python" -c 'import stenobox, whisper_onnx, importlib.resources as r
assert (r.files("stenobox") / "webui" / "index.html").is_file(), "the page is not in the wheel"
assert (r.files("whisper_onnx") / "demo" / "model.toml").is_file(), "the demo model is not in the wheel"'

say "the end-to-end tests against the wheel"
"$bin/python" -m pip install --quiet --require-hashes -r "$root/requirements/dev.lock"
cd "$root"
# Without this override pytest would put the checkout's packages before the installed ones. The tests take their sentences and
# voices from the training recipe, which no wheel carries, so it alone is lent to them.
mkdir "$work/lent"
ln -s "$root/onnx_models/train_demo" "$work/lent/train_demo"
"$bin/python" -P -m pytest -o pythonpath="tests $work/lent" -p no:cacheprovider --basetemp "$work/pytest" tests/e2e tests/integration/test_cli_transcribe.py
"$bin/python" -P -c 'import stenobox, whisper_onnx, sys
for module in (stenobox, whisper_onnx):
    assert module.__file__.startswith(sys.prefix), module.__file__'
say "the wheel works"
