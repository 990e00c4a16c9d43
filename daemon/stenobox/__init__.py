"""Stenobox: a private transcription appliance. `onnx_models/whisper_onnx` is its speech engine."""

__version__ = "0.1.0"
