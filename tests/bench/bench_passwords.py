"""What a log-in costs: argon2id as the daemon sets it, one alone and as many at once as it lets through.

`make bench-passwords` prints a table.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time

from stenobox.access.passphrases import check_guessable
from stenobox.access.passwords import HASHES_AT_ONCE, LANES, MEMORY_KIB, TIME_COST, Passwords

GOAL_MS = 100
PASSWORD = "correct horse battery"  # nobody's


async def measure(rounds: int, crowd: int) -> list[float]:
    """Milliseconds until each of `crowd` log-ins that begin together has its answer."""
    passwords = Passwords()
    encoded = await passwords.encode(PASSWORD)
    waits: list[float] = []

    async def sign_in() -> None:
        begun = time.perf_counter()
        assert await passwords.verify(encoded, PASSWORD)
        waits.append((time.perf_counter() - begun) * 1000)

    for _ in range(rounds):
        await asyncio.gather(*(sign_in() for _ in range(crowd)))
    return waits


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench_passwords", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"argon2id: {MEMORY_KIB // 1024} MiB, {TIME_COST} passes, {LANES} lanes; {os.cpu_count()} cores\n")
    print(f"| log-ins at once | median (goal for one: {GOAL_MS} ms) | longest |")
    print("| --- | --- | --- |")
    for crowd in (1, HASHES_AT_ONCE, 10):
        waits = asyncio.run(measure(options.rounds, crowd))
        print(f"| {crowd} | {statistics.median(waits):.0f} ms | {max(waits):.0f} ms |", flush=True)
    print("\n| characters of a new password | looked up in the lists |")
    print("| --- | --- |")
    for length in (20, 128):
        begun = time.perf_counter()
        check_guessable(("4@5$1!0 kettle over a meadow, " * 5)[:length], ("anna",))
        print(f"| {length} | {(time.perf_counter() - begun) * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
