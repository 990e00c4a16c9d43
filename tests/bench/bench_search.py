"""The search, the list of jobs and the start of the real daemon on a large library.

    python tests/bench/bench_search.py [--transcripts 100000] [--characters 10000] [--save FILE]

Builds the library in a scratch folder (some minutes and some gigabytes; `--folder` keeps it for the next
time), starts the daemon on it, and asks as people do: an administrator, an account to which nearly all of it
belongs, one with a few transcripts, and one with whom a tenth of it is shared by a tag. The words are drawn
from a vocabulary as natural text has them (Zipf's law), common ones included. Prints a table and asserts
nothing.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "daemon"), str(ROOT / "onnx_models")]

from harness.daemon import PASSWORD, Daemon  # noqa: E402
from stenobox.db.steps.m0008_texts import FILL  # noqa: E402

VOCABULARY = 60_000
LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
WORDS_OF_A_LINE = 16
LANGUAGES = ("en", "de")
DAY = 86_400.0
BEGIN = 1_750_000_000.0
SHARED = 10
"""Every one of so many has the tag that is shared."""
READER = "account with a tenth shared"
SHARE_OF_FEW = 5_000
"""One of so many transcripts belongs to the account with few."""
STARTS = 5

Row = tuple[str, str, str]


@dataclass(frozen=True)
class Library:
    """What was built: its words by rank, and some texts to draw queries from."""

    words: list[str]
    texts: list[list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transcripts", type=int, default=100_000)
    parser.add_argument("--characters", type=int, default=10_000, help="of each transcript")
    parser.add_argument("--requests", type=int, default=100, help="of each kind by each account")
    parser.add_argument("--folder", type=Path, help="where to build it, or where it lies already")
    parser.add_argument("--save", type=Path, help="write the table there as Markdown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stenobox-bench-") as scratch:
        folder = options.folder or Path(scratch)
        rows = measure(folder, options.transcripts, options.characters, options.requests)
    text = table(rows, options.transcripts, options.characters)
    print(text)
    if options.save:
        options.save.write_text(text)


def measure(folder: Path, transcripts: int, characters: int, requests: int) -> list[Row]:
    rows: list[Row] = []
    accounts = folder / "accounts.json"
    box = Daemon(folder / "data", settings={"log.level": "info"})
    if not accounts.exists():
        accounts.parent.mkdir(parents=True, exist_ok=True)
        accounts.write_text(json.dumps(make_accounts(box)))
        build(folder / "data" / "stenobox.db", transcripts, characters)
    library = vocabulary_of(folder / "data" / "stenobox.db")
    keys = json.loads(accounts.read_text())
    size = (folder / "data" / "stenobox.db").stat().st_size
    rows.append(("database", f"{size / 1e9:.2f} GB", f"{index_bytes(folder) / 1e9:.2f} GB of it the index"))
    rows.append(measure_starts(folder))
    with Daemon(folder / "data", settings={"log.level": "info"}) as box:
        wait_until_ready(box)
        everything: list[float] = []
        for kind, draw in QUERIES.items():
            before = cpu_seconds(box)
            times = [
                seconds
                for key in keys.values()
                for seconds in ask(box, key, [search(draw(library)) for _ in range(requests)])
            ]
            everything += times
            spent = (cpu_seconds(box) - before) / len(times)
            rows.append((f"search: {kind}", figures(times), f"{spent * 1000:.1f} ms of CPU each"))
        rows.append(("search: all of these", figures(everything), "goal: p50 < 20 ms, p99 < 100 ms"))
        lists: list[float] = []
        for name, key in keys.items():
            paths, before = pages(box, key, requests, shared=name == READER), cpu_seconds(box)
            times = list(ask(box, key, paths))
            spent = (cpu_seconds(box) - before) / len(times)
            lists += times
            rows.append((f"job list: {name}", figures(times), f"{spent * 1000:.1f} ms of CPU each"))
        rows.append(("job list: all of these", figures(lists), "goal: p99 < 20 ms"))
    return rows


# The library.


def make_accounts(box: Daemon) -> dict[str, str]:
    """An administrator, two users to whom it will belong, and one who reads along; a key of each."""
    accounts = {"many": "account with many", "few": "account with few", "reader": READER}
    with box:
        keys = {"administrator": box.set_up()}
        for name, shown in accounts.items():
            box.post("/api/users", json_body={"name": name, "password": PASSWORD})
            made = box.post("/api/keys", json_body={"name": "bench", "user": name})
            keys[shown] = made.json["secret"]
        box.stop()
    return keys


def build(database: Path, transcripts: int, characters: int) -> None:
    rng = np.random.default_rng(5)
    words = np.array(list(vocabulary()), dtype=object)
    weights = 1 / np.arange(1, len(words) + 1)
    bounds = np.cumsum(weights / weights.sum())
    db = sqlite3.connect(database)
    db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; PRAGMA foreign_keys = OFF;")
    names = ("many", "few", "reader")
    *owners, reader = [db.execute("SELECT id FROM users WHERE name = ?", (n,)).fetchone()[0] for n in names]
    share(db, owners[0], reader)
    started = time.perf_counter()
    for number in range(1, transcripts + 1):
        drawn = words[np.minimum(np.searchsorted(bounds, rng.random(characters // 5)), len(words) - 1)]
        title = " ".join(words[np.minimum(np.searchsorted(bounds, rng.random(4)), len(words) - 1)])
        owner = owners[1] if number % SHARE_OF_FEW == 7 else owners[0]
        insert(db, number, owner=owner, title=title, texts=lines(drawn, characters), of=transcripts)
        if number % 2_000 == 0:
            db.commit()
            tell(f"{number} transcripts, {time.perf_counter() - started:.0f} s")
    db.execute(FILL)
    db.commit()
    tell(f"indexed, {time.perf_counter() - started:.0f} s")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def share(db: sqlite3.Connection, owner: int, reader: int) -> None:
    """What has the tag, once it is there."""
    db.execute("INSERT INTO tags (id, owner_id, name, key) VALUES (1, ?, 'Board', 'board')", (owner,))
    db.execute(
        "INSERT INTO shares (id, owner_id, tag_id, user_id, rights, created_at)"
        " VALUES ('sh_1', ?, 1, ?, 1, 0)",
        (owner, reader),
    )


def insert(db: sqlite3.Connection, number: int, *, owner: int, title: str, texts: list[str], of: int) -> None:
    job_id, recording_id = f"{number:024x}", f"{number + (1 << 80):024x}"
    moment = BEGIN + number * 730 * DAY / of
    duration = 6.0 * len(texts)
    db.execute(
        "INSERT INTO recordings (id, owner_id, sha256, size, filename, duration, created_at, stored_at,"
        " given_title) VALUES (?, ?, ?, 1000, 'talk.wav', ?, ?, ?, ?)",
        (recording_id, owner, f"{number:064x}", duration, moment, moment, title),
    )
    db.execute(
        "INSERT INTO jobs (seq, id, recording_id, owner_id, state, priority, options, attempt, progress,"
        " created_at, started_at, finished_at) VALUES (?, ?, ?, ?, 'done', 5, ?, 1, 1, ?, ?, ?)",
        (number, job_id, recording_id, owner, '{"model":"demo"}', moment, moment, moment),
    )
    if number % SHARED == 0:
        db.execute("INSERT INTO recording_tags (recording_id, tag_id) VALUES (?, 1)", (recording_id,))
    provenance = json.dumps(
        {"model": "demo", "model_sha256": "0" * 64, "target": "cpu-fp32", "provider": "CPU",
         "engine_version": "0", "options": {}, "audio_sha256": "0" * 64, "realtime_factor": 1.0}
    )  # fmt: skip
    db.execute(
        "INSERT INTO transcripts VALUES (?, ?, ?, ?, ?, ?)",
        (job_id, LANGUAGES[number % 20 == 0], duration, " ".join(texts), provenance, moment),
    )
    db.executemany(
        'INSERT INTO segments (job_id, id, start, "end", text, avg_logprob, no_speech_prob,'
        " compression_ratio, temperature) VALUES (?, ?, ?, ?, ?, -0.2, 0.1, 1.5, 0)",
        [(job_id, n, 6.0 * n, 6.0 * n + 5.5, text) for n, text in enumerate(texts)],
    )


def lines(words: np.ndarray, characters: int) -> list[str]:
    texts, left = [], characters
    for start in range(0, len(words), WORDS_OF_A_LINE):
        text = " ".join(words[start : start + WORDS_OF_A_LINE])[:left]
        texts.append(text.capitalize() + ".")
        left -= len(text) + 1
        if left <= 0:
            break
    return texts


def vocabulary() -> Iterator[str]:
    """Words by rank: the common ones are short."""
    rng, seen = random.Random(5), set[str]()
    while len(seen) < VOCABULARY:
        length = 2 + min(9, int((len(seen) + 2).bit_length() * 0.6)) + rng.randint(0, 1)
        word = "".join(LETTERS[min(25, int(rng.expovariate(1 / 7)))] for _ in range(length))
        if word not in seen:
            seen.add(word)
            yield word


def vocabulary_of(database: Path) -> Library:
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    rows = db.execute("SELECT text FROM transcripts WHERE rowid % 37 = 1 LIMIT 2000").fetchall()
    db.close()
    return Library(list(vocabulary()), [row[0].lower().replace(".", "").split() for row in rows])


# What is asked.


def drawn_word(library: Library) -> str:
    """As often as it is said."""
    return DICE.choice(DICE.choice(library.texts))


def drawn_phrase(library: Library, words: int) -> str:
    text = DICE.choice(library.texts)
    start = DICE.randrange(len(text) - words)
    return f'"{" ".join(text[start : start + words])}"'


DICE = random.Random(11)
Query = dict[str, str]
QUERIES: dict[str, Callable[[Library], Query]] = {
    "one of the 20 commonest words": lambda lib: {"q": DICE.choice(lib.words[:20])},
    "a word as it is said": lambda lib: {"q": drawn_word(lib)},
    "a rare word": lambda lib: {"q": DICE.choice(lib.words[5_000:])},
    "two words": lambda lib: {"q": f"{drawn_word(lib)} {drawn_word(lib)}"},
    "four words": lambda lib: {"q": " ".join(drawn_word(lib) for _ in range(4))},
    "a common and a rare word": lambda lib: {
        "q": f"{DICE.choice(lib.words[:20])} {DICE.choice(lib.words[5_000:])}"
    },
    "a phrase of two words": lambda lib: {"q": drawn_phrase(lib, 2)},
    "a phrase of four words": lambda lib: {"q": drawn_phrase(lib, 4)},
    "the beginning of a word": lambda lib: {"q": DICE.choice(lib.words[50:])[:3] + "*"},
    "a word and not another": lambda lib: {"q": f"{drawn_word(lib)} -{drawn_word(lib)}"},
    "a word in one language": lambda lib: {"q": drawn_word(lib), "language": "de"},
    "a word in one month": lambda lib: {"q": drawn_word(lib), "from": "2026-03-01", "to": "2026-03-31"},
}


def search(query: Query) -> str:
    return "/api/search?" + urlencode(query)


def pages(box: Daemon, key: str, requests: int, *, shared: bool) -> list[str]:
    """The first page mostly, then pages further on, and those of a state."""
    first = "/api/jobs?limit=50" + ("&shared=1" if shared else "")
    found = [first] * (requests // 2)
    cursor: str | None = None
    while len(found) < requests - 10:
        path = first + (f"&cursor={cursor}" if cursor else "")
        cursor = box.get(path, key=key).json["next"]
        found.append(path)
    states = ("queued", "failed", "done", "running", "cancelled")
    return found + [f"{first}&state={state}" for state in states * 2]


def ask(box: Daemon, key: str, paths: list[str]) -> Iterator[float]:
    """Seconds for each answer, one after the other over one connection."""
    address = urlsplit(box.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    for path in paths:
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - started
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        yield seconds
    connection.close()


def wait_until_ready(box: Daemon) -> None:
    while box.get("/readyz", key=None).status != 200:
        time.sleep(0.005)


def measure_starts(folder: Path) -> Row:
    seconds = []
    for _ in range(STARTS):
        box = Daemon(folder / "data", settings={"log.level": "info"})
        box.key = "none"  # it is set up: the harness need not wait for a link
        started = time.perf_counter()
        with box:
            wait_until_ready(box)
            seconds.append(time.perf_counter() - started)
    figure = f"median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s"
    return ("time to /readyz", figure, f"{STARTS} starts; goal: under 3 s")


def cpu_seconds(box: Daemon) -> float:
    """What the daemon's threads have used so far. Unlike the clock it tells nothing of other programs."""
    assert box.process is not None
    fields = Path(f"/proc/{box.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def index_bytes(folder: Path) -> int:
    db = sqlite3.connect(f"file:{folder / 'data' / 'stenobox.db'}?mode=ro", uri=True)
    (found,) = db.execute(
        "SELECT SUM(pgsize) FROM dbstat WHERE aggregate = 1 AND name LIKE 'search\\_%' ESCAPE '\\'"
    ).fetchone()
    db.close()
    return int(found or 0)


# What is told.


def figures(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.99, 1)]
    return f"p50 {at[0]:.1f} ms, p99 {at[1]:.1f} ms, longest {at[2]:.0f} ms"


def table(rows: list[Row], transcripts: int, characters: int) -> str:
    machine = f"{platform.machine()} with {os.cpu_count()} cores (load {os.getloadavg()[1]:.1f})"
    versions = f"Python {platform.python_version()} and SQLite {sqlite3.sqlite_version}"
    head = [
        "# Search on a large library",
        "",
        f"`make bench-search`: {transcripts:,} transcripts of {characters:,} characters, on {machine},"
        f" {versions}. Each kind is asked by an administrator, by the account to which nearly all of it"
        " belongs, by one with a few transcripts, and by one with whom every tenth is shared by a tag; one"
        " request at a time, over HTTP.",
        "",
        "| what | measured | |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*head, *(f"| {name} | {figure} | {note} |" for name, figure, note in rows), ""])


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
