"""Environment variables: merging, and the text that people keep them in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_manager_core.environment import (
    merge_environment,
    parse_assignments,
    parse_environment_text,
    validate_environment,
)
from container_manager_core.errors import InvalidInput

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_LAYER = st.dictionaries(_TEXT.filter(lambda name: name and "=" not in name), _TEXT)


@given(st.lists(_LAYER))
def test_the_last_layer_that_has_a_variable_wins(layers: list[dict[str, str]]) -> None:
    merged = merge_environment(*layers)
    assert merged.keys() == {name for layer in layers for name in layer}
    for name, value in merged.items():
        assert value == [layer[name] for layer in layers if name in layer][-1]


@given(_LAYER, _LAYER, _LAYER)
def test_merging_is_associative(one: dict[str, str], two: dict[str, str], three: dict[str, str]) -> None:
    assert merge_environment(merge_environment(one, two), three) == merge_environment(one, two, three)


@given(_LAYER)
def test_assignments_come_back(variables: dict[str, str]) -> None:
    assert parse_assignments([f"{name}={value}" for name, value in variables.items()]) == variables


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), _TEXT))
def test_text_with_quoted_values_comes_back(variables: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$")):
            value = value.replace(plain, escaped)
        return f'"{value}"'

    text = "\n".join(f"{name}={quoted(value)}" for name, value in variables.items())
    assert parse_environment_text(text) == variables


@given(st.text())
def test_any_text_gives_variables_or_a_clear_error(text: str) -> None:
    try:
        validate_environment(parse_environment_text(text))
    except InvalidInput as error:
        assert "line " in str(error)


def test_comments_quotes_and_export() -> None:
    text = "# a comment\n\nA=1\nexport B='x # y' # why\nC=two words # trailing\nD=\"a\nb\\tc\"\n"
    assert parse_environment_text(text) == {"A": "1", "B": "x # y", "C": "two words", "D": "a\nb\tc"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nnonsense", "line 2: 'nonsense' is no NAME=value"),
        ("A='open", "line 1: the quote that begins the value of 'A' is not closed"),
        ("A='x' y", "line 1: 'y' stands after the closing quote"),
        ("=x", "line 1: '=x' is no NAME=value"),
    ],
)
def test_a_bad_line_is_named_by_its_number(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_environment_text(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["", "A=B", "A\0"])
def test_a_name_that_no_platform_can_pass_on_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name of an environment variable"):
        validate_environment({name: "x"})


def test_a_nul_in_a_value_is_refused_without_showing_the_value() -> None:
    with pytest.raises(InvalidInput, match="NUL") as caught:
        validate_environment({"TOKEN": "hunter2\0"})
    assert "hunter2" not in str(caught.value)


def test_an_assignment_without_an_equals_sign_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'DEBUG' has no '='"):
        parse_assignments(["DEBUG"])
