"""Webhooks of the real process, to a real receiver: what arrives, what survives, and what is not sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from harness.daemon import PASSWORD, PATIENCE_S, Daemon, clean_environment
from harness.receiver import Arrived, Receiver, Reply
from storing import wave_bytes

ON = {"webhooks.enabled": True, "webhooks.allow": "127.0.0.0/8"}
TALK = wave_bytes(0.2)


@pytest.fixture
def box(tmp_path: Path, demo_bundle: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path / "data", model=demo_bundle, settings=ON) as daemon:
        daemon.set_up()
        yield daemon


def webhook(box: Daemon, url: str, **fields: Any) -> dict[str, Any]:
    made = box.post("/api/webhooks", json_body={"url": url, **fields})
    assert made.status == 201, made.text
    return dict(made.json)


def deliveries(box: Daemon, webhook_id: str) -> list[dict[str, Any]]:
    answer = box.get(f"/api/webhooks/{webhook_id}/deliveries")
    assert answer.status == 200, answer.text
    return list(answer.json["deliveries"])


def settled(box: Daemon, webhook_id: str) -> dict[str, Any]:
    """The newest delivery, once it was delivered."""
    end = time.monotonic() + PATIENCE_S
    while (newest := deliveries(box, webhook_id)[0])["state"] != "delivered":
        assert time.monotonic() < end, newest
        time.sleep(0.05)
    return newest


def test_a_transcript_that_is_ready_is_told_signed_and_without_text(box: Daemon) -> None:
    with Receiver() as receiver:
        made = webhook(box, receiver.url)
        job = box.upload(TALK, "canary name.wav").json
        request = receiver.next()
        told = Verifier(made["secret"]).verify(request.body.decode(), request.headers)
        assert told["type"] == "job.done"
        assert (told["data"]["job_id"], told["data"]["recording_id"]) == (job["id"], job["recording_id"])
        assert b"canary" not in request.body
        delivery = settled(box, made["id"])
        assert (delivery["message_id"], delivery["status"]) == (request.headers["webhook-id"], 204)
        assert made["secret"] not in box.get("/api/webhooks").text
    log = "".join(box.log)
    assert made["secret"] not in log and receiver.url not in log


def test_a_notice_survives_kill_and_a_receiver_that_is_down(box: Daemon) -> None:
    with Receiver() as receiver:
        port, url = receiver.port, receiver.url
        made = webhook(box, url)
    # Nobody listens there any more.
    job = box.upload(TALK).json
    box.wait_for(job["id"], "done")
    end = time.monotonic() + PATIENCE_S
    while not (waiting := deliveries(box, made["id"])) or not waiting[0]["attempts"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert waiting[0]["problem"] == "It cannot be reached."
    box.kill()
    with Receiver() as receiver:
        assert port != receiver.port
        box.start()
        assert box.request(
            "PATCH", f"/api/webhooks/{made['id']}", json_body={"url": receiver.url}
        ).status == 200  # fmt: skip
        request = receiver.next()
    assert request.json["data"]["job_id"] == job["id"]
    assert request.headers["webhook-id"] == waiting[0]["message_id"]


def test_a_kill_in_mid_delivery_sends_it_again_under_the_same_id(box: Daemon) -> None:
    killed: list[str] = []

    def reply(request: Arrived) -> Reply:
        # The receiver has it, and the box never hears of that.
        if not killed:
            killed.append(request.headers["webhook-id"])
            box.kill()
        return Reply()

    with Receiver(reply) as receiver:
        made = webhook(box, receiver.url)
        box.upload(TALK)
        end = time.monotonic() + PATIENCE_S
        while not killed or box.process is not None:
            assert time.monotonic() < end
            time.sleep(0.05)
        box.start()
        delivery = settled(box, made["id"])
        assert delivery["message_id"] == killed[0]
        assert {each.headers["webhook-id"] for each in receiver.arrived} == {killed[0]}
        assert len(receiver.arrived) == 2


def test_a_receiver_that_asks_for_patience_and_one_that_is_gone(box: Daemon) -> None:
    with (
        Receiver(lambda _: Reply(410)) as gone,
        Receiver(lambda _: Reply(503, {"Retry-After": "600"})) as busy,
    ):
        first, second = webhook(box, gone.url), webhook(box, busy.url)
        box.upload(TALK)
        gone.next()
        busy.next()
        end = time.monotonic() + PATIENCE_S
        while True:
            shown = {each["id"]: each for each in box.get("/api/webhooks").json["webhooks"]}
            waiting = deliveries(box, second["id"])[0]
            if shown[first["id"]]["disabled"] == "gone" and waiting["attempts"]:
                break
            assert time.monotonic() < end
            time.sleep(0.05)
    assert shown[second["id"]]["last_error"] == "It answered with status 503."
    assert shown[second["id"]]["enabled"] is True
    assert waiting["due_at"] > waiting["tried_at"]


def test_a_test_notice_and_one_that_is_sent_again_arrive(box: Daemon) -> None:
    with Receiver() as receiver:
        made = webhook(box, receiver.url)
        sent = box.post(f"/api/webhooks/{made['id']}/test")
        assert sent.status == 202, sent.text
        assert receiver.next().json["type"] == "webhook.test"
        settled(box, made["id"])
        again = box.post(f"/api/webhooks/{made['id']}/deliveries/{sent.json['id']}/redeliver")
        assert again.status == 202, again.text
        assert receiver.next().headers["webhook-id"] == sent.json["message_id"]


def test_a_job_may_name_a_webhook_of_its_owner_and_no_other(box: Daemon) -> None:
    with Receiver() as receiver:
        made = webhook(box, receiver.url, every_job=False)
        box.wait_for(box.upload(TALK).json["id"], "done")
        refused = box.upload(wave_bytes(0.3), options='{"webhook": "wh_of_somebody_else"}')
        assert (refused.status, refused.json["code"]) == (400, "invalid_request")
        job = box.upload(wave_bytes(0.3), options=f'{{"webhook": "{made["id"]}"}}').json
        assert receiver.next().json["data"]["job_id"] == job["id"]
    assert len(receiver.arrived) == 1
    assert len(box.get("/api/recordings").json["recordings"]) == 2


def test_webhooks_are_off_unless_the_settings_allow_them(tmp_path: Path) -> None:
    assert "STENOBOX_WEBHOOKS_ENABLED" not in clean_environment()
    with Daemon(tmp_path / "data") as box:
        box.set_up()
        answer = box.post("/api/webhooks", json_body={"url": "https://example.org/hook"})
        assert (answer.status, answer.json["code"]) == (403, "webhooks_off")
        answer = box.request("PUT", "/api/notices/mail", json_body={"address": "a@example.org"})
        assert (answer.status, answer.json["code"]) == (403, "mail_off")


def test_the_outbox_is_in_the_metrics(box: Daemon) -> None:
    with Receiver() as receiver:
        webhook(box, receiver.url)
        box.upload(TALK)
        receiver.next()
        end = time.monotonic() + PATIENCE_S
        line = 'stenobox_notice_attempts_total{outcome="delivered",road="webhook"} 1.0'
        while line not in box.get("/metrics").text:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert 'stenobox_notices_waiting{road="webhook"} 0.0' in box.get("/metrics").text
    assert PASSWORD not in "".join(box.log)
