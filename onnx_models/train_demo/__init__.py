"""The recipe of the demonstration model: a small Whisper taught with synthesised English.

Run ``python -m train_demo --work FOLDER`` in ``onnx_models/`` to train it, and
``python -m train_demo.evaluate --work FOLDER`` to measure it.  See README.md for what it can and cannot do.
"""
