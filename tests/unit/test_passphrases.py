"""Which passwords are taken."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher

from stenobox.access import Passwords
from stenobox.access.passphrases import check_guessable, check_length
from stenobox.errors import InvalidRequest, WeakPassword

PASSWORD = "correct horse battery"


def passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.mark.parametrize(
    "common",
    ["password", "12345678", "qwertyuiop", "iloveyou", "Passw0rd!", "letmein123", "PASSWORD1", "trustno1"],
)
def test_a_common_password_is_refused_and_so_is_one_that_only_dresses_it_up(common: str) -> None:
    with pytest.raises(WeakPassword):
        check_guessable(common)


@pytest.mark.parametrize("regular", ["aaaaaaaaaaaa", "abcabcabcabc", "abcdefghij", "87654321", "2024-01-01"])
def test_repetition_sequences_and_dates_are_refused(regular: str) -> None:
    with pytest.raises(WeakPassword):
        check_guessable(regular)


@pytest.mark.parametrize("word", ["stenobox", "StenoBox1", "5tenobox", "karamustafa", "Karamustafa1"])
def test_the_names_of_the_product_and_of_the_user_are_refused(word: str) -> None:
    with pytest.raises(WeakPassword):
        check_guessable(word, about=("karamustafa",))


def test_a_word_of_nobodys_is_not_refused_for_somebody_elses_name() -> None:
    check_guessable("karamustafa", about=("anna",))


@pytest.mark.parametrize(
    "good",
    [
        PASSWORD,
        "the kettle is blue",
        "xk7$qpz2",
        "надежный пароль",
        "密码学是有趣的研究领域",
        " two  blanks ",
    ],
)
def test_no_kind_of_character_is_asked_for_or_refused(good: str) -> None:
    check_length(good)
    check_guessable(good)


@pytest.mark.parametrize("length", [8, 64, 128])
def test_every_length_from_8_to_128_is_taken(length: int) -> None:
    text = ("7 kettles sing; 19 moths hum under Zurich. " * 4)[:length]
    check_length(text)
    check_guessable(text)


def test_the_longest_is_128_characters_and_nothing_is_cut_off() -> None:
    with pytest.raises(InvalidRequest):
        check_length("x" * 129)


def test_a_refusal_says_why_and_never_repeats_the_password() -> None:
    with pytest.raises(WeakPassword) as caught:
        check_guessable("karamustafa1", about=("karamustafa",))
    assert "karamustafa" not in caught.value.detail
    assert "unrelated words" in caught.value.detail


async def test_a_password_opens_in_whatever_form_its_characters_were_typed() -> None:
    box = passwords()
    composed, decomposed = "pr\u00e4zise \ufb01nster", "pra\u0308zise finster"
    encoded = await box.hash(composed)
    assert await box.verify(encoded, decomposed)
    assert not await box.verify(encoded, "prazise finster")


async def test_the_end_of_a_long_password_counts() -> None:
    box = passwords()
    long = ("7 kettles sing; 19 moths hum under Zurich. " * 4)[:127]
    encoded = await box.hash(long + "a")
    assert not await box.verify(encoded, long + "b")


async def test_an_account_from_before_the_list_keeps_its_password() -> None:
    box = passwords()
    encoded = await box.encode("password")
    assert await box.verify(encoded, "password")


async def test_at_most_two_hashes_are_made_at_once() -> None:
    running, most = 0, 0
    lock = asyncio.Lock()
    loop = asyncio.get_running_loop()

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            asyncio.run_coroutine_threadsafe(enter(), loop).result()
            try:
                return super().hash(password, salt=salt)
            finally:
                asyncio.run_coroutine_threadsafe(leave(), loop).result()

    async def enter() -> None:
        nonlocal running, most
        async with lock:
            running += 1
            most = max(most, running)
        await asyncio.sleep(0.01)

    async def leave() -> None:
        nonlocal running
        running -= 1

    passwords = Passwords(Slow(time_cost=1, memory_cost=8, parallelism=1))
    await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(6)))
    assert most == 2
