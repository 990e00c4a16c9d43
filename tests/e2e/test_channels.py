"""`channels=split`: two sides of a call, each with lines of its own, merged by time."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from harness.daemon import Daemon
from harness.stereo import stereo
from harness.talk import Talk, talk, word_error_rate, words_of

# Said in turns: each side is silent while the other one speaks.
LEFT = ("Two four seven four.", "The table and the message are quiet at seven.")
RIGHT = ("One five seven two.", "The visit with David is on Monday at nine thirty.")


def sides(at_least: float = 0.0) -> tuple[list[np.ndarray], tuple[Talk, Talk]]:
    talks = talk(*LEFT, at_least=at_least), talk(*RIGHT, at_least=at_least)
    samples = [soundfile.read(BytesIO(one.wav), dtype="int16")[0] for one in talks]
    length = max(map(len, samples))
    return [np.pad(one, (0, length - len(one))) for one in samples], talks


def said(transcript: dict[str, object], channel: int) -> list[str]:
    lines = [s["text"] for s in transcript["segments"] if s["channel"] == channel]  # type: ignore[attr-defined]
    return words_of(" ".join(lines))


def test_each_side_of_a_call_has_its_own_lines_merged_by_time(box: Daemon) -> None:
    channels, talks = sides()
    job = box.upload(stereo(*channels), "call.wav", language="en", channels="split").json
    assert job["channels"] == "split"
    done = box.wait_for(job["id"], "done", "failed", "quarantined")
    assert done["state"] == "done", done
    transcript = box.get(f"/api/jobs/{job['id']}/transcript").json
    for channel, one in enumerate(talks):
        assert word_error_rate(one.words, said(transcript, channel)) < 0.35
    assert {segment["channel"] for segment in transcript["segments"]} == {0, 1}
    starts = [segment["start"] for segment in transcript["segments"]]
    assert starts == sorted(starts)
    assert [segment["id"] for segment in transcript["segments"]] == list(range(len(starts)))
    assert transcript["provenance"]["options"]["channels"] == "split"
    text = box.get(f"/api/jobs/{job['id']}/transcript?format=txt").text
    assert {line.split(":")[0] for line in text.splitlines()} == {"Channel 1", "Channel 2"}
    assert "<v Channel 2>" in box.get(f"/api/jobs/{job['id']}/transcript?format=vtt").text


def test_a_silent_side_has_no_lines_and_a_single_channel_is_channel_0(box: Daemon) -> None:
    channels, talks = sides()
    job = box.upload(stereo(channels[0]), "mono.wav", language="en", channels="split").json
    box.wait_for(job["id"], "done", "failed", "quarantined")
    alone = box.get(f"/api/jobs/{job['id']}/transcript").json
    assert word_error_rate(talks[0].words, words_of(alone["text"])) < 0.35
    mixed = box.upload(stereo(channels[0], channels[0]), "same.wav", language="en").json
    assert mixed["channels"] == "mix"
    box.wait_for(mixed["id"], "done", "failed", "quarantined")
    transcript = box.get(f"/api/jobs/{mixed['id']}/transcript").json
    assert {segment["channel"] for segment in transcript["segments"]} == {None}
    # The mean of a channel with itself is the channel.
    assert [s["text"] for s in transcript["segments"]] == [s["text"] for s in alone["segments"]]


def test_more_channels_than_can_be_heard_one_by_one_are_refused_in_words(box: Daemon) -> None:
    quiet = np.zeros(22_050, np.int16)
    job = box.upload(stereo(*[quiet] * 9), "many.wav", language="en", channels="split").json
    failed = box.wait_for(job["id"], "done", "failed", "quarantined")
    assert failed["error"]["code"] == "undecodable_audio"
    assert "more channels than can be transcribed one by one" in failed["error"]["detail"]
    answer = box.upload(stereo(quiet), "a.wav", channels="both")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_a_killed_daemon_goes_on_in_the_channel_where_it_was(tmp_path: Path, demo_bundle: Path) -> None:
    channels, _ = sides(at_least=240.0)
    content = stereo(*channels)
    with Daemon(tmp_path / "data", model=demo_bundle) as box:
        box.set_up()
        job = box.upload(content, "call.wav", language="en", channels="split").json
        box._until(lambda: box.job(job["id"])["progress"] > 0.6, "it did not come to the second channel")
        lines = box.get(f"/api/jobs/{job['id']}/segments").json["segments"]
        assert {line["channel"] for line in lines} == {0, 1}
        assert len({line["id"] for line in lines}) == len(lines)
        box.kill()
        box.start()
        crashed = box.wait_for(job["id"], "done", "failed", "quarantined")
        assert crashed["state"] == "done"
        whole = box.upload(content, "call.wav", language="en", channels="split").json
        assert box.wait_for(whole["id"], "done", "failed", "quarantined")["attempt"] == 1
        texts = [box.get(f"/api/jobs/{one['id']}/transcript?format=srt").text for one in (crashed, whole)]
        assert texts[0] == texts[1]
