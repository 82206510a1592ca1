"""What is said of a command that ended badly."""

import pytest

from container_manager_core.failure import FailureKind, exit_failure


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (3, ""),
        (127, "that is a shell's code for a command that was not found"),
        (137, "SIGKILL ended it: look whether it, or a process that it started, had too little memory"),
        (139, "a signal ended it: SIGSEGV"),
        (255, ""),
    ],
)
def test_an_exit_code_is_told_with_what_it_is_known_to_mean(code: int, hint: str) -> None:
    failure = exit_failure(code)
    assert (failure.kind, failure.retryable) == (FailureKind.EXIT, True)
    assert failure.message == f"the command ended with exit code {code}"
    assert failure.hint == hint
