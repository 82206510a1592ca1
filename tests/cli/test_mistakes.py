"""A mistake of the user's: exit code 2, one sentence with value, place and remedy, nothing stored."""

from pathlib import Path

import pytest
from cli.conftest import CommandLine, Result

ENDED_AS_A_MISTAKE = 2


def the_sentence(result: Result) -> str:
    """The one line on stderr."""
    assert result.code == ENDED_AS_A_MISTAKE, result
    assert result.stdout == ""
    assert result.stderr.startswith("container-manager: error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("container-manager: error: ").rstrip()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--memory", "-5"), "--memory: -5 is out of range; use a whole number from 4 to 16777216 MiB"),
        (("--cpus", "nan"), "--cpus: nan is out of range; use a number from 0.01 to 1024 cores"),
        (("--timeout", "0"), "--timeout: 0.0 is out of range; use a number from 0.001 to 3.16224e+07 seconds"),
        (("--env", "=x"), "--env['']: '' cannot be the name of an environment variable"),
        (("--env", "PLAIN"), "--env: 'PLAIN' has no '='; write it as NAME=value"),
        (("--env-file", "nowhere"), "--env-file: 'nowhere' cannot be read (No such file or directory)"),
        (("--env-file", "nul.env"), "cannot be the name of an environment variable"),
        (("--secret", "hunter2"), "--secret: a word has no '='"),
        (("--secret", "A=secret://nope/x"), "there is no secret resolver 'nope'"),
        (("--label", "bad name=x"), "--label['bad name']: 'bad name' cannot be the name of a label"),
        (("--host", "nowhere"), "--host: no host is called 'nowhere'; configured are: here"),
        (("--executor", "nothing"), "--executor: no executor is called 'nothing'"),
        (("--mount", "/a"), "--mount: '/a' cannot be used: it is not of the form SRC:DST[:ro]"),
        (("--mount", "/a:b"), "'b' is not absolute"),
        (("--mount", "/a:/b:wo"), "'wo' is no mode of a mount; use ro or rw"),
        (("--mount", "type=disk,source=/a,target=/b"), "'disk' is no kind of mount"),
        (("--tmpfs", "/tmp:size=big"), "'size=big' is no option of a tmpfs"),
        (("--publish", "80-90:80"), "--publish: '80-90:80' names no port"),
        (("--publish", "99999"), "--publish: '99999' cannot be used: 99999 is out of range"),
        (("--network-alias", "db"), "--network-alias: there is no network to be called so in; give --network too"),
        (("--pull", "sometimes"), "--pull: 'sometimes' is no pull policy; use one of: missing, always, never"),
        (("--retries", "-1"), "--retries: -1 is out of range"),
        (("--priority", "101"), "--priority: 101 is out of range"),
        (("--workdir", "here"), "--workdir: 'here' is not absolute"),
        (("--memory", "lots"), "--memory"),
        (("-c", "echo"), "an option of the container's own command stands after '--'"),
    ],
)
def test_a_bad_option(command_line: CommandLine, arguments: tuple[str, ...], sentence: str) -> None:
    (command_line.folder / "nul.env").write_bytes(b"A\0B=1\n")
    result = command_line("run", *arguments, "image")
    assert sentence in the_sentence(result)
    assert "hunter2" not in result.stderr
    assert command_line.jobs() == []


def test_submit_refuses_what_run_refuses(command_line: CommandLine) -> None:
    assert "--memory: -5 is out of range" in the_sentence(command_line("submit", "--memory", "-5", "image"))
    assert "--host: no host is called 'nowhere'" in the_sentence(command_line("submit", "--host", "nowhere", "image"))
    assert command_line.jobs() == []


@pytest.mark.parametrize("image", ["", "Upper/Case", "with space", "a:b:c", "http://example.com/x"])
def test_a_bad_image_reference(command_line: CommandLine, image: str) -> None:
    assert f"IMAGE: {image!r} is no " in the_sentence(command_line("run", "--", image, "true"))
    assert command_line.jobs() == []


@pytest.mark.parametrize("command", ["show", "logs", "cancel", "restart"])
def test_a_job_id_that_is_none(command_line: CommandLine, command: str) -> None:
    assert "'nonsense' is no job id" in the_sentence(command_line(command, "nonsense"))


@pytest.mark.parametrize("command", ["show", "logs", "cancel", "restart"])
def test_a_job_that_does_not_exist(command_line: CommandLine, command: str) -> None:
    assert "there is no job 'abcdef'; list the jobs to see their ids" in the_sentence(command_line(command, "abcdef"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("store = ", "container-manager.toml: this is no valid TOML"),
        ('colour = "red"', "container-manager.toml: colour: the key 'colour' is unknown"),
        ("[hosts.here]\nexecutor = 5", "hosts.here: executor: 5 is not a string; write a string"),
        ('[hosts.here]\nexecutor = "process"\nweight = 0', "hosts.here.weight: 0 is out of range"),
        ("[worker]\nmax_concurrent_jobs = -1", "max_concurrent_jobs: -1 is out of range"),
    ],
)
def test_a_broken_configuration_file(command_line: CommandLine, text: str, sentence: str) -> None:
    command_line.configuration.write_text(text)
    complaint = the_sentence(command_line("run", "image"))
    assert complaint.startswith(str(command_line.configuration))
    assert sentence in complaint
    assert not (command_line.folder / "jobs.sqlite3").exists()


def test_a_configuration_file_that_is_not_there(command_line: CommandLine) -> None:
    complaint = the_sentence(command_line("--config", "other.toml", "list"))
    assert "other.toml: the file cannot be read (No such file or directory)" in complaint


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("worker", "--once", "--drain"), "--once: it excludes --drain; give one of the two"),
        (("worker", "--max-jobs", "0"), "--max-jobs: 0 is out of range"),
        (("worker", "--poll-interval", "0"), "--poll-interval: 0.0 is out of range"),
        (("worker", "--host", "nowhere"), "--host: no host is called 'nowhere'; known are: here"),
        (("worker", "--log-level", "loud"), "--log-level: 'loud' is no level"),
        (("list", "--status", "sleeping"), "--status: 'sleeping' is no status; use one of: pending, launching"),
        (("list", "--limit", "0"), "--limit: 0 is out of range"),
        (("logs", "abcd", "--stream", "stdin"), "--stream: 'stdin' is no stream; use stdout or stderr"),
        (("show",), "ID"),
        (("dance",), "dance"),
        (("list", "--colour"), "--colour"),
    ],
)
def test_a_bad_argument_of_another_command(
    command_line: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in the_sentence(command_line(*arguments))


def test_only_a_finished_job_can_be_restarted(command_line: CommandLine) -> None:
    job_id = command_line("submit", "image", "--", "true").stdout.strip()
    assert "only a finished job can be restarted" in the_sentence(command_line("restart", job_id))


def test_without_its_extra_the_program_says_what_to_install(command_line: CommandLine, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')")
    complaint = the_sentence(command_line("list", PYTHONPATH=str(hidden)))
    assert complaint.endswith("run: pip install 'container-manager-core[cli]'")
