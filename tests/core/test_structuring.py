"""Typed values from plain data."""

from enum import Enum, IntEnum, StrEnum

import attrs
import pytest

from container_manager_core.errors import ConfigurationError
from container_manager_core.structuring import structure


class Colour(Enum):
    RED = "red"


class Word(StrEnum):
    YES = "yes"


class Number(IntEnum):
    ONE = 1


@attrs.frozen(kw_only=True)
class Options:
    colour: Colour | None = None
    word: Word = Word.YES
    number: Number = Number.ONE


def test_members_are_given_by_their_values() -> None:
    given = {"colour": "red", "word": "yes", "number": 1}
    assert structure(given, Options, "place") == Options(colour=Colour.RED, word=Word.YES, number=Number.ONE)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("colour", "place: colour: 5 is not one of 'red'; write one of 'red'"),
        ("word", "place: word: 5 is not one of 'yes'; write one of 'yes'"),
        ("number", "place: number: 5 is not one of 1; write one of 1"),
    ],
)
def test_what_is_no_member_is_refused_with_those_there_are(key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        structure({key: 5}, Options, "place")
    assert str(refused.value) == message
