"""OpenAI's own Python client, pointed at the real daemon by its base URL alone."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
import soundfile

from harness.daemon import Daemon, multipart
from harness.stereo import call_of
from harness.talk import HELD_OUT, Talk, talk, words_of


@pytest.fixture(scope="module")
def spoken() -> Talk:
    return talk(*HELD_OUT)


@pytest.fixture(scope="module")
def long_talk() -> Talk:
    return talk(*HELD_OUT, at_least=95.0)


@pytest.fixture(scope="module")
def hour() -> bytes:
    """An hour, so that there is time to do something while it is transcribed."""
    samples, rate = soundfile.read(BytesIO(talk(*HELD_OUT, at_least=120.0).wav), dtype="int16")
    out = BytesIO()
    soundfile.write(out, np.tile(samples, 30), rate, format="FLAC")
    return out.getvalue()


@pytest.fixture(scope="module")
def client(box: Daemon) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{box.url}/v1", api_key=box.key) as client:
        yield client


@pytest.fixture(scope="module")
def native(box: Daemon, spoken: Talk) -> dict[str, Any]:
    """The same recording by the box's own road."""
    job = box.upload(spoken.wav, language="en").json
    box.wait_for(job["id"], "done")
    return dict(box.get(f"/api/jobs/{job['id']}/transcript").json)


def file_of(talk: Talk) -> tuple[str, bytes]:
    return ("talk.wav", talk.wav)


def test_json_has_the_text_of_the_boxs_own_road_and_how_much_was_heard(
    client: openai.OpenAI, spoken: Talk, native: dict[str, Any]
) -> None:
    answer = client.audio.transcriptions.create(file=file_of(spoken), model="whisper-1", language="en")
    assert answer.text == native["text"]
    assert "two four seven four" in " ".join(words_of(answer.text))
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(spoken.duration, abs=0.01)


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_texts_are_those_of_the_boxs_own_road(
    box: Daemon, client: openai.OpenAI, spoken: Talk, native: dict[str, Any], form: Any
) -> None:
    answer = client.audio.transcriptions.create(
        file=file_of(spoken), model="whisper-1", language="en", response_format=form
    )
    expected = (
        f"{native['text']}\n"
        if form == "text"
        else box.get(f"/api/jobs/{native['job_id']}/transcript?format={form}").text
    )
    assert answer == expected


def test_verbose_json_has_segments_as_the_model_made_them(
    client: openai.OpenAI, spoken: Talk, native: dict[str, Any]
) -> None:
    answer = client.audio.transcriptions.create(
        file=file_of(spoken), model="demo", language="en", response_format="verbose_json"
    )
    assert answer.language == "english"
    assert answer.duration == pytest.approx(spoken.duration, abs=0.01)
    assert answer.words is None
    assert answer.segments is not None
    assert [(s.start, s.end, s.text) for s in answer.segments] == [
        (s["start"], s["end"], s["text"]) for s in native["segments"]
    ]
    assert all(segment.tokens for segment in answer.segments)
    assert all(-5 < segment.avg_logprob <= 0 <= segment.no_speech_prob <= 1 for segment in answer.segments)


def test_words_have_times_where_they_were_said(client: openai.OpenAI, spoken: Talk) -> None:
    answer = client.audio.transcriptions.create(
        file=file_of(spoken),
        model="whisper-1",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.segments
    assert answer.words
    assert [w for word in answer.words for w in words_of(word.word)] == words_of(answer.text)
    first = spoken.lines[0]
    said = answer.words[: len(words_of(first.text))]
    assert all(first.start - 0.75 <= word.start <= word.end <= first.end + 0.75 for word in said)
    assert [word.start for word in answer.words] == sorted(word.start for word in answer.words)


def test_only_words_when_only_words_are_asked_for(client: openai.OpenAI, spoken: Talk) -> None:
    answer = client.audio.transcriptions.create(
        file=file_of(spoken),
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert answer.words
    assert answer.segments is None


def test_diarized_json_names_a_speaker_for_each_channel(client: openai.OpenAI) -> None:
    call = call_of("Two four seven four.", "One five seven two.")
    answer: Any = client.audio.transcriptions.create(
        file=("call.wav", call),
        model="gpt-4o-transcribe-diarize",
        language="en",
        response_format="diarized_json",
    )
    by_speaker = {segment.speaker: words_of(segment.text) for segment in answer.segments}
    assert by_speaker == {"A": ["two", "four", "seven", "four"], "B": ["one", "five", "seven", "two"]}
    assert [segment.start for segment in answer.segments] == sorted(s.start for s in answer.segments)


def test_a_stream_brings_final_text_bit_by_bit_and_then_all_of_it(
    client: openai.OpenAI, long_talk: Talk
) -> None:
    events = list(
        client.audio.transcriptions.create(
            file=file_of(long_talk), model="whisper-1", language="en", stream=True
        )
    )
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    last = events[-1]
    assert last.type == "transcript.text.done"
    assert "".join(deltas) == last.text
    assert len(deltas) > 4
    assert "two four seven four" in " ".join(words_of(last.text))
    assert last.usage is not None


def test_the_first_text_of_a_stream_comes_before_the_job_is_over(
    box: Daemon, client: openai.OpenAI, hour: bytes
) -> None:
    stream = client.audio.transcriptions.create(
        file=("hour.flac", hour), model="whisper-1", language="en", stream=True
    )
    with stream:
        first = next(iter(stream))
        assert first.type == "transcript.text.delta"
        assert newest(box)["state"] == "running"


def test_a_stream_of_two_channels_names_the_speakers(client: openai.OpenAI) -> None:
    events: list[Any] = list(
        client.audio.transcriptions.create(
            file=("call.wav", call_of("Two four seven four.", "One five seven two.")),
            model="whisper-1",
            language="en",
            stream=True,
            response_format="diarized_json",
        )
    )
    segments = [event for event in events if event.type == "transcript.text.segment"]
    assert {segment.speaker for segment in segments} == {"A", "B"}
    assert events[-1].type == "transcript.text.done"


def test_translations_are_jobs_of_that_task(box: Daemon, client: openai.OpenAI, spoken: Talk) -> None:
    with pytest.warns(DeprecationWarning):  # of the client's newest version
        answer = client.audio.translations.create(
            file=file_of(spoken), model="whisper-1", response_format="verbose_json"
        )
    assert answer.language == "english"
    assert newest(box)["task"] == "translate"


def test_a_request_is_a_job_of_the_page_and_goes_first(
    box: Daemon, client: openai.OpenAI, spoken: Talk
) -> None:
    client.audio.transcriptions.create(
        file=("board meeting.wav", spoken.wav), model="whisper-1", prompt="Numbers.", temperature=0.2
    )
    job = newest(box)
    assert (job["filename"], job["state"], job["priority"]) == ("board meeting.wav", "done", "interactive")
    options = box.get(f"/api/jobs/{job['id']}/transcript").json["provenance"]["options"]
    assert (options["prompt"], options["temperature"]) == ("Numbers.", 0.2)


def test_pauses_and_keywords_reach_the_engine(box: Daemon, client: openai.OpenAI, spoken: Talk) -> None:
    client.audio.transcriptions.create(
        file=file_of(spoken),
        model="whisper-1",
        chunking_strategy={"type": "server_vad", "threshold": 0.4, "silence_duration_ms": 500},
        extra_body={"keywords": ["Smith", "Wesson"]},
    )
    options = box.get(f"/api/jobs/{newest(box)['id']}/transcript").json["provenance"]["options"]
    assert options["mode"] == "batched"
    assert options["vad"] == {"threshold": 0.4, "min_silence_ms": 500, "padding_ms": 300}
    assert options["hotwords"] == "Smith, Wesson"
    client.audio.transcriptions.create(file=file_of(spoken), model="whisper-1", chunking_strategy="auto")
    options = box.get(f"/api/jobs/{newest(box)['id']}/transcript").json["provenance"]["options"]
    assert (options["mode"], options["vad"]) == ("batched", None)


def test_the_models_are_listed_and_whisper_1_is_one(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} >= {"whisper-1", "demo"}
    model = client.models.retrieve("whisper-1")
    assert (model.id, model.object) == ("whisper-1", "model")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"include": ["logprobs"]}, "include"),
        ({"response_format": "yaml"}, "response_format"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"response_format": "verbose_json", "timestamp_granularities": ["line"]}, "timestamp_granularities"),
        ({"temperature": 1.5}, "temperature"),
        ({"language": "klingon"}, "language"),
        ({"stream": True, "response_format": "srt"}, "stream"),
        ({"chunking_strategy": {"type": "magic"}}, "chunking_strategy"),
        ({"extra_body": {"known_speaker_names": ["Ann"]}}, "known_speaker_names"),
        ({"extra_body": {"languages": ["en", "de"]}}, "languages"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"prompt": "x" * 2001}, "prompt"),
    ],
)
def test_what_cannot_be_served_is_a_bad_request_that_names_its_field(
    client: openai.OpenAI, spoken: Talk, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(**{"file": file_of(spoken), "model": "whisper-1"} | fields)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_refusals_are_the_clients_own_exceptions(box: Daemon, client: openai.OpenAI, spoken: Talk) -> None:
    with (
        openai.OpenAI(base_url=f"{box.url}/v1", api_key="stbx_wrong") as stranger,
        pytest.raises(openai.AuthenticationError) as unknown,
    ):
        stranger.models.list()
    assert unknown.value.code == "not_signed_in"
    with pytest.raises(openai.BadRequestError) as model:
        client.audio.transcriptions.create(file=file_of(spoken), model="gpt-9")
    assert (model.value.param, model.value.code) == ("model", "unknown_model")
    with pytest.raises(openai.APIStatusError) as text:
        client.audio.transcriptions.create(file=("a.wav", b"not a sound" * 100), model="whisper-1")
    assert (text.value.status_code, text.value.code) == (415, "not_audio")
    assert text.value.request_id
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="whisper-1", messages=[])


def test_a_job_that_somebody_stops_ends_its_stream_with_an_error(
    box: Daemon, client: openai.OpenAI, hour: bytes
) -> None:
    stream = client.audio.transcriptions.create(
        file=("stopped.flac", hour), model="whisper-1", language="en", stream=True
    )
    with stream, pytest.raises(openai.APIError) as caught:
        for _ in stream:
            box.post(f"/api/jobs/{newest(box)['id']}/cancel")
    assert caught.value.code == "job_cancelled"


def test_a_client_that_goes_away_cancels_its_job(box: Daemon, client: openai.OpenAI, hour: bytes) -> None:
    hasty = client.with_options(max_retries=0, timeout=1.0)
    with pytest.raises(openai.APITimeoutError):
        hasty.audio.transcriptions.create(file=("hasty.flac", hour), model="whisper-1", language="en")
    job = newest(box)
    assert job["filename"] == "hasty.flac"
    assert box.wait_for(job["id"], "cancelled", "done")["state"] == "cancelled"


def test_a_client_that_named_its_request_gets_the_text_when_it_comes_back(
    box: Daemon, client: openai.OpenAI, hour: bytes
) -> None:
    request: dict[str, Any] = {
        "file": ("named.flac", hour),
        "model": "whisper-1",
        "language": "en",
        "extra_headers": {"Idempotency-Key": "the-hour"},
    }
    with pytest.raises(openai.APITimeoutError):
        client.with_options(max_retries=0, timeout=1.0).audio.transcriptions.create(**request)
    job = newest(box)
    assert job["filename"] == "named.flac"
    answer = client.audio.transcriptions.create(**request)
    assert newest(box)["id"] == job["id"]
    assert answer.text == box.get(f"/api/jobs/{job['id']}/transcript").json["text"]


def test_a_client_that_leaves_a_stream_cancels_its_job(
    box: Daemon, client: openai.OpenAI, hour: bytes
) -> None:
    with client.audio.transcriptions.create(
        file=("leaves.flac", hour), model="whisper-1", language="en", stream=True
    ) as stream:
        next(iter(stream))
    job = newest(box)
    assert job["filename"] == "leaves.flac"
    assert box.wait_for(job["id"], "cancelled", "done")["state"] == "cancelled"


def test_a_stop_of_the_box_leaves_the_job_in_line(tmp_path: Path, demo_bundle: Path, hour: bytes) -> None:
    with Daemon(tmp_path / "data", model=demo_bundle) as own:
        own.set_up()
        own.wait_ready()
        with (
            openai.OpenAI(base_url=f"{own.url}/v1", api_key=own.key, max_retries=0) as client,
            client.audio.transcriptions.create(
                file=("long.flac", hour), model="whisper-1", language="en", stream=True
            ) as stream,
        ):
            events = iter(stream)
            next(events)
            job = newest(own)
            assert own.stop() == 0
            with pytest.raises((openai.APIError, httpx2.TransportError)):
                list(events)
        own.start()
        assert own.job(job["id"])["state"] in ("queued", "running", "done")


def test_clients_that_know_other_names_of_lists_are_understood(box: Daemon, spoken: Talk) -> None:
    fields = {"model": "whisper-1", "response_format": "verbose_json", "timestamp_granularities": "word"}
    kind, body = multipart(fields, [("a.wav", spoken.wav)])
    answer = box.post("/v1/audio/transcriptions", body=body, headers={"Content-Type": kind})
    assert answer.status == 200
    assert answer.json["words"]


def newest(box: Daemon) -> dict[str, Any]:
    return dict(box.get("/api/jobs?limit=1").json["jobs"][0])
