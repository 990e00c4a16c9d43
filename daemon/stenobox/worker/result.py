"""From the product's options to the engine's, and from the engine's result to the product's transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import stenobox
from stenobox.errors import InvalidRequest, StenoboxError, UnknownLanguage
from stenobox.types import JobOptions, Provenance, Segment, Transcript, Word
from stenobox.worker.channels import Part, language_of, merged, text_of
from stenobox.worker.engine import LoadedModel
from whisper_onnx import OptionsError, TranscribeOptions, VadOptions
from whisper_onnx.options import TEMPERATURES


def engine_options(options: JobOptions) -> TranscribeOptions:
    """A job's options as the engine's. Raises UnknownLanguage or InvalidRequest."""
    try:
        return TranscribeOptions(
            language=options.language,
            task="translate" if options.task == "translate" else "transcribe",
            initial_prompt=options.prompt,
            hotwords=options.hotwords,
            word_timestamps=options.words,
            join_blanks=False,
            temperature=(options.temperature,) if options.temperature > 0 else TEMPERATURES,
            mode="batched" if options.mode == "batched" else "sequential",
            vad_parameters=_vad(options),
        )
    except OptionsError as error:
        raise wrong_option(error, options) from error


def _vad(options: JobOptions) -> VadOptions:
    if options.vad is None:
        return VadOptions()
    return VadOptions(
        threshold=options.vad.threshold,
        min_silence_duration_ms=options.vad.min_silence_ms,
        speech_pad_ms=options.vad.padding_ms,
    )


def wrong_option(error: OptionsError, options: JobOptions) -> StenoboxError:
    """What the engine refuses, as a refusal of the product."""
    if error.field == "language":
        return UnknownLanguage(language=options.language)
    return InvalidRequest(problem=f"The model cannot do this: {error}.")


def transcript_of(
    job_id: str,
    parts: Sequence[Part],
    *,
    model: LoadedModel | None,
    options: JobOptions,
    audio_sha256: str,
    work_seconds: float,
    now: float,
) -> Transcript:
    """The transcript with its provenance; `work_seconds` is the time spent on it, `now` in Unix seconds.

    `parts`: what was heard in each channel, or in their mean.
    """
    if model is None:
        raise RuntimeError("the engine gave a result without a model")
    heard = list(merged(parts))
    duration = max(part.duration for part in parts)
    return Transcript(
        job_id=job_id,
        language=language_of(parts),
        duration=duration,
        text=text_of(parts),
        segments=tuple(
            Segment(
                id=number,
                start=s.start,
                end=s.end,
                text=s.text.strip(),
                avg_logprob=s.avg_logprob,
                no_speech_prob=s.no_speech_prob,
                compression_ratio=s.compression_ratio,
                temperature=s.temperature,
                channel=channel,
                words=None
                if s.words is None
                else tuple(Word(w.word, w.start, w.end, w.probability) for w in s.words),
                seek=s.seek,
                tokens=s.tokens,
            )
            for number, (channel, s) in enumerate(heard)
        ),
        provenance=Provenance(
            model=model.name,
            model_sha256=model.sha256,
            target=model.target,
            provider=model.provider,
            engine_version=stenobox.__version__,
            options=asdict(options),
            audio_sha256=audio_sha256,
            realtime_factor=work_seconds / max(duration, 1e-3),
        ),
        created_at=now,
    )
