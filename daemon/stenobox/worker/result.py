"""From the product's options to the engine's, and from the engine's result to the product's transcript."""

from __future__ import annotations

from dataclasses import asdict

import stenobox
from stenobox.errors import InvalidRequest, StenoboxError, UnknownLanguage
from stenobox.types import JobOptions, Provenance, Segment, Transcript
from stenobox.worker.engine import LoadedModel
from whisper_onnx import OptionsError, TranscribeOptions, Transcription


def engine_options(options: JobOptions) -> TranscribeOptions:
    """A job's options as the engine's. Raises UnknownLanguage or InvalidRequest."""
    try:
        return TranscribeOptions(
            language=options.language,
            task="translate" if options.task == "translate" else "transcribe",
            initial_prompt=options.prompt,
        )
    except OptionsError as error:
        raise wrong_option(error, options) from error


def wrong_option(error: OptionsError, options: JobOptions) -> StenoboxError:
    """What the engine refuses, as a refusal of the product."""
    if error.field == "language":
        return UnknownLanguage(language=options.language)
    return InvalidRequest(problem=f"The model cannot do this: {error}.")


def transcript_of(
    job_id: str,
    result: Transcription,
    *,
    model: LoadedModel | None,
    options: JobOptions,
    audio_sha256: str,
    work_seconds: float,
    now: float,
) -> Transcript:
    """The transcript with its provenance; `work_seconds` is the time spent on it, `now` in Unix seconds."""
    if model is None:
        raise RuntimeError("the engine gave a result without a model")
    return Transcript(
        job_id=job_id,
        language=result.language,
        duration=result.duration,
        text=result.text.strip(),
        segments=tuple(
            Segment(
                id=s.id,
                start=s.start,
                end=s.end,
                text=s.text.strip(),
                avg_logprob=s.avg_logprob,
                no_speech_prob=s.no_speech_prob,
                compression_ratio=s.compression_ratio,
                temperature=s.temperature,
            )
            for s in result.segments
        ),
        provenance=Provenance(
            model=model.name,
            model_sha256=model.sha256,
            target=model.target,
            provider=model.provider,
            engine_version=stenobox.__version__,
            options=asdict(options),
            audio_sha256=audio_sha256,
            realtime_factor=work_seconds / max(result.duration, 1e-3),
        ),
        created_at=now,
    )
