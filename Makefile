# Everything a person types. `make` alone lists it.
VENV ?= $(CURDIR)/.venv
PY := $(VENV)/bin/python
# onnxruntime and onnxruntime-gpu install the same module and break each other, and the tests run on the CPU everywhere,
# so a machine with an NVIDIA driver keeps two environments.
RUN_VENV := $(VENV)$(if $(wildcard /proc/driver/nvidia/version),-gpu)
.DEFAULT_GOAL := help
.PHONY: help run test fuzz fuzz-audio lint types contracts wheel test-wheel lock parity bench bench-engine bench-daemon bench-intake bench-hotfolder bench-passwords bench-search bench-readers clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run:  ## start the box on http://127.0.0.1:8080 with the demo model, data in ./var
	@STENOBOX_VENV=$(RUN_VENV) tools/bootstrap.sh run
	$(RUN_VENV)/bin/stenobox serve --data var

test:  ## run the whole test suite (PYTEST_ARGS="..." to choose)
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	$(PY) -m pytest $(PYTEST_ARGS)

fuzz:  ## damage checkpoints of every format for a minute (FUZZ_ARGS="--seconds 600 --seed 7")
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	PYTHONPATH=onnx_models:tests $(PY) tests/hostile/fuzz_checkpoints.py $(FUZZ_ARGS)

fuzz-audio:  ## send a thousand damaged recordings to the real daemon, 5 minutes (FUZZ_ARGS="--help")
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	PYTHONPATH=daemon:onnx_models:tests $(PY) tests/hostile/fuzz_audio.py $(FUZZ_ARGS)

lint:  ## ruff: rules and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types:  ## mypy, strict
	$(PY) -m mypy

contracts:  ## imports only point down the floors
	$(VENV)/bin/lint-imports

wheel:  ## build dist/*.whl
	rm -rf build dist
	$(PY) -m build --wheel --outdir dist .

test-wheel: wheel  ## install the wheel alone into a fresh environment and use it as a user would
	tools/test_wheel.sh dist/*.whl

lock:  ## write requirements/*.lock anew from pyproject.toml
	tools/lock.sh

PARITY_VENV := $(CURDIR)/.cache/parity-venv
parity:  ## our engine's answers beside openai-whisper's, faster-whisper's and transformers' (PARITY_ARGS="--help")
	@test -x $(PARITY_VENV)/bin/python || python3 -m venv $(PARITY_VENV)
	@$(PARITY_VENV)/bin/python -m pip install --quiet -r requirements/parity.txt
	@$(PARITY_VENV)/bin/python -m pip install --quiet --no-deps openai-whisper==20250625
	PYTHONPATH=tests:onnx_models $(PARITY_VENV)/bin/python -m parity $(PARITY_ARGS)

bench: bench-engine bench-daemon bench-intake bench-hotfolder bench-passwords bench-search bench-readers  ## print the benchmark tables

BENCH_VENV := $(CURDIR)/.cache/bench-venv
bench-engine:  ## our engine against its peers on the same weights, 30 minutes (BENCH_ARGS="--quick": 8, "--help")
	@test -x $(BENCH_VENV)/bin/python || python3 -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet -r requirements/bench.txt
	@$(BENCH_VENV)/bin/python -m pip install --quiet --no-deps openai-whisper==20250625
	@$(BENCH_VENV)/bin/python -m pip install --quiet --no-deps -r requirements/vad.lock
	PYTHONPATH=tests:onnx_models $(BENCH_VENV)/bin/python -m bench.engine $(BENCH_ARGS)

bench-daemon:  ## start-up, memory and event-loop lag of the real daemon
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	$(PY) tests/bench/bench_daemon.py

bench-intake:  ## each way in beside nginx and sha256sum, and a crowd (BENCH_ARGS="--help"); wants nginx
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	PYTHONPATH=tests:daemon:onnx_models $(PY) -m bench.intake $(BENCH_ARGS)

bench-hotfolder:  ## from a closed file in a hot folder to a queued job (BENCH_ARGS="--help")
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	PYTHONPATH=tests:tests/bench:daemon:onnx_models $(PY) -m bench_hotfolder $(BENCH_ARGS)

bench-passwords:  ## what a log-in costs on this machine
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	PYTHONPATH=daemon $(PY) tests/bench/bench_passwords.py $(BENCH_ARGS)

bench-search:  ## search, job list and start with 100,000 transcripts, 10 minutes and 5 GB (BENCH_ARGS="--help")
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	$(PY) tests/bench/bench_search.py --save tests/bench/results/search.md $(BENCH_ARGS)

bench-readers:  ## 200 readers while the box transcribes, by wrk (BENCH_ARGS="--help")
	@STENOBOX_VENV=$(VENV) tools/bootstrap.sh test
	$(PY) tests/bench/bench_readers.py $(BENCH_ARGS)

clean:  ## remove what was built; data in ./var stays
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache
