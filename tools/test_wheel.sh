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
say "the engine alone: the five lines of its README"
"$bin/python" -P - "$root/onnx_models/whisper_onnx/README.md" "$speech" <<'PYTHON'
import contextlib, importlib.resources, io, pathlib, re, sys
readme, speech = map(pathlib.Path, sys.argv[1:])
example = re.search(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)[1]
assert len(example.splitlines()) <= 5, example
demo = importlib.resources.files("whisper_onnx") / "demo"
example = example.replace('"interview.wav"', repr(str(speech))).replace('"onnx_models/demo"', repr(str(demo)))
said = io.StringIO()
with contextlib.redirect_stdout(said):
    exec(compile(example, str(readme), "exec"))
assert said.getvalue().strip(), "no transcript"
assert not [name for name in sys.modules if name.partition(".")[0] == "stenobox"], "the engine imported the appliance"
print(said.getvalue().strip())
PYTHON
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
