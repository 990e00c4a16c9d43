"""The tree of errors: each class can be told from the others, shown to people, and sent between processes."""

from __future__ import annotations

import pickle
import string
from http import HTTPStatus

import pytest

from error_tree import KINDS
from stenobox.errors import StenoboxError

# 460 Checksum Mismatch: in the tus protocol and not in IANA's registry.
TUS_STATUSES = {460}


def made(kind: type[StenoboxError]) -> StenoboxError:
    names = [name for _, name, _, _ in string.Formatter().parse(kind.message) if name]
    return kind(**{name: f"the {name}" for name in names})


def test_the_tree_is_found() -> None:
    assert len(KINDS) > 25


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_has_its_own_code_status_title_and_message(kind: type[StenoboxError]) -> None:
    # Looked up in the class itself: an inherited code would be somebody else's.
    assert "code" in vars(kind)
    assert "title" in vars(kind)
    assert "message" in vars(kind)
    assert kind.status in TUS_STATUSES or HTTPStatus(kind.status) >= 400
    assert kind.exit_code in (1, 2)
    assert kind.code.replace("_", "").isalnum()
    assert kind.code == kind.code.lower()


def test_no_two_classes_share_a_code() -> None:
    codes = [kind.code for kind in KINDS]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_renders_with_its_fields(kind: type[StenoboxError]) -> None:
    error = made(kind)
    assert "{" not in error.detail
    assert len(error.detail) > 5
    for name in error.fields:
        assert f"the {name}" in error.detail


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_pickling(kind: type[StenoboxError]) -> None:
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.detail == error.detail
    assert again.fields == error.fields
