#!/bin/sh
# Turns a checkpoint of `python -m train_demo` into the model that ships, onnx_models/demo/. The model card there is
# written by hand from the evaluation's figures; afterwards record the golden answers anew (tests/golden/record.py).
#
#   tools/ship_demo.sh demo.pt
set -eu
checkpoint=$(realpath "${1:?usage: tools/ship_demo.sh CHECKPOINT}")
cd "$(dirname -- "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
PYTHONPATH=onnx_models "${PYTHON:-.venv/bin/python}" -m whisper_onnx build "$checkpoint" --target cpu-fp32 --weights exact \
    --name demo --licence Apache-2.0 --source "onnx_models/train_demo, seed 1" -o "$scratch/demo"
mkdir -p onnx_models/demo
rm -f onnx_models/demo/*.onnx onnx_models/demo/*.data onnx_models/demo/model.toml
mv "$scratch"/demo/* onnx_models/demo/
du -sh onnx_models/demo
