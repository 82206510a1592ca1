"""Commands as people write them."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_manager_core.command import parse_command
from container_manager_core.errors import InvalidInput

_WORDS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


@given(_WORDS)
def test_a_quoted_command_comes_back_word_for_word(words: list[str]) -> None:
    assert parse_command(shlex.join(words)) == tuple(words)


@given(_WORDS)
def test_a_list_is_taken_as_it_is(words: list[str]) -> None:
    assert parse_command(words) == tuple(words)


@pytest.mark.parametrize("operator", ["&&", "||", "|", ";", ">", "<", "&", "\n"])
def test_an_unquoted_shell_operator_is_refused_with_the_remedy(operator: str) -> None:
    command = f"echo a {operator} b"
    with pytest.raises(InvalidInput, match="is not quoted") as caught:
        parse_command(command)
    assert f"sh -c {shlex.quote(command)}" in str(caught.value)
    assert "column 8" in str(caught.value)


@pytest.mark.parametrize("command", ["echo 'a && b'", 'echo "a|b"', "echo a\\;b"])
def test_a_quoted_operator_is_an_argument(command: str) -> None:
    assert parse_command(command) == tuple(shlex.split(command))


@pytest.mark.parametrize(("command", "column"), [("echo 'a", 6), ('say "x', 5), ("'a' \"b", 5)])
def test_an_open_quote_is_refused_with_its_column(command: str, column: int) -> None:
    with pytest.raises(InvalidInput, match=rf"the quote .* at column {column} .* is not closed"):
        parse_command(command)


def test_a_trailing_backslash_is_refused() -> None:
    with pytest.raises(InvalidInput, match="backslash"):
        parse_command("echo a\\")


def test_a_nul_is_refused_with_the_number_of_the_word() -> None:
    with pytest.raises(InvalidInput, match=r"command\[1\]: 'a\\x00' holds a NUL"):
        parse_command(["echo", "a\0"])


def test_a_word_that_is_no_string_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"command\[1\]: 3 is no string"):
        parse_command(["sleep", 3])  # type: ignore[list-item]
