"""Secrets: sealed at rest, masked in output, never shown."""

import re
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from container_manager_core.errors import ConfigurationError, InvalidInput
from container_manager_core.executor import LogChunk, LogPage, Stream
from container_manager_core.intake import LogIntake
from container_manager_core.job import LogPosition
from container_manager_core.secrets import KEY_VARIABLE, MASK, Masker, Secret, SecretForm, SecretSource, Vault

_SECRETS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3)
_BYTES = st.lists(st.sampled_from([b"a", b"b", b"c", b"\xff"]), max_size=40).map(b"".join)


@given(_SECRETS, _BYTES)
def test_no_secret_is_left_in_masked_output(values: list[str], data: bytes) -> None:
    masked, used = Masker(values).mask(data)
    assert used == len(data)
    assert not any(value.encode() in masked.replace(MASK, b" ") for value in values)


@given(_SECRETS, _BYTES, st.lists(st.integers(1, 7)), st.integers(0, 10))
def test_any_split_and_any_crash_give_the_same_masked_bytes(
    values: list[str], data: bytes, sizes: list[int], crash_after: int
) -> None:
    """Pages of any size, and a new worker that goes on from the stored position at any page."""
    masker = Masker(values)
    expected = masker.mask(data)[0]
    stored = bytearray()
    position, taken, page_number = LogPosition(), 0, 0
    intake = LogIntake(position, masker)
    while taken < len(data):
        size = sizes[page_number % len(sizes)] if sizes else 3
        piece = data[taken : taken + size]
        taken += len(piece)
        page_number += 1
        intake.take(LogPage(chunks=(LogChunk(Stream.STDOUT, piece),), cursor=str(taken)))
        position = _store(intake, stored)
        if page_number == crash_after:
            taken = int(position.cursor or 0)
            intake = LogIntake(position, masker)
    intake.finish()
    _store(intake, stored)
    assert bytes(stored) == expected


def _store(intake: LogIntake, stored: bytearray) -> LogPosition:
    pieces, position = intake.drain()
    for piece in pieces:
        assert piece.offset == len(stored)
        stored += piece.data
    return position


def test_a_secret_never_shows_in_a_repr() -> None:
    assert "hunter2" not in repr(Secret.parse("hunter2"))
    assert "secret://env/TOKEN" in repr(Secret.parse("secret://env/TOKEN"))


def test_a_sealed_secret_opens_with_any_of_the_keys(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Vault([old]).seal(Secret.parse("hunter2"))
    assert sealed.form is SecretForm.SEALED
    assert "hunter2" not in sealed.text
    rotated = Vault.open(tmp_path / "unused", {KEY_VARIABLE: f"{new}, {old}"})
    assert rotated.open_sealed(sealed) == "hunter2"
    with pytest.raises(ConfigurationError, match="another key"):
        Vault([new]).open_sealed(sealed)


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    key_file = tmp_path / "deep" / "secret.key"
    sealed = Vault.open(key_file, {}).seal(Secret.parse("x"))
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert Vault.open(key_file, {}).open_sealed(sealed) == "x"
    assert [path.name for path in key_file.parent.iterdir()] == ["secret.key"]


def test_a_bad_key_is_a_clear_error() -> None:
    with pytest.raises(ConfigurationError, match=KEY_VARIABLE):
        Vault(["nonsense"])


def test_references_are_resolved_where_the_worker_runs(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    source = SecretSource(_no_vault, {"upper": str.upper})
    secrets = {"A": Secret.parse(f"secret://file/{tmp_path}/token"), "B": Secret.parse("secret://upper/word")}
    assert source.resolve(secrets) == {"A": "from a file", "B": "WORD"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("secret://nowhere/x", "there is no secret resolver 'nowhere'; known are: env, file"),
        ("secret://env", "'secret://env' is no reference to a secret; write secret://<resolver>/<name>"),
    ],
)
def test_a_reference_that_cannot_work_is_refused_when_it_is_submitted(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        SecretSource(_no_vault).seal({"A": Secret.parse(text)})


def test_a_variable_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match="no variable 'CM_TEST_MISSING'"):
        SecretSource(_no_vault).resolve({"A": Secret.parse("secret://env/CM_TEST_MISSING")})


def _no_vault() -> Vault:
    raise AssertionError("nothing here is sealed")
