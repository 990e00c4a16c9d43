"""E-mail notices of the real process, through a real mail server."""

from __future__ import annotations

from pathlib import Path

from harness.daemon import Daemon
from harness.mailserver import MailServer
from storing import wave_bytes

TALK = wave_bytes(0.2)
MAIL = "/api/notices/mail"


def test_who_asks_for_it_gets_mail_without_a_name_of_a_file_unless_they_want_the_title(
    tmp_path: Path, demo_bundle: Path
) -> None:
    with MailServer() as server:
        settings = {
            "mail.host": "127.0.0.1",
            "mail.port": server.port,
            "mail.security": "none",
            "mail.sender": "box@example.org",
        }
        with Daemon(tmp_path / "data", model=demo_bundle, settings=settings) as box:
            box.set_up()
            assert box.get(MAIL).json == {"address": None, "events": [], "title": False, "available": True}
            wanted = {"address": "ann@example.org", "events": ["job.done"]}
            assert box.request("PUT", MAIL, json_body=wanted).json == wanted | {
                "title": False,
                "available": True,
            }
            job = box.upload(TALK, "canary-name.wav").json
            mail = server.next()
            assert mail["To"] == "ann@example.org"
            assert job["id"] in mail.get_content()
            assert "canary" not in mail.as_string()
            assert box.request("PUT", MAIL, json_body=wanted | {"title": True}).status == 200
            box.upload(wave_bytes(0.3), "canary-name.wav")
            assert "canary-name" in str(server.next()["Subject"])
            assert box.request("DELETE", MAIL).status == 204
            assert box.stop() == 0
        assert "ann@example.org" not in "".join(box.log)
        assert server.mails.empty()
