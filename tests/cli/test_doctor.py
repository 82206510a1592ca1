"""`doctor`, `hosts` and `executors`: what is there, and what is wrong with it."""

import socket
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from cli.conftest import CommandLine

from container_manager_core.doctor import check_hosts
from container_manager_core.executor import Health
from support.engine import Engine


def broken_plugin(folder: Path) -> str:
    """A folder for PYTHONPATH with an installed distribution whose plugin cannot be imported."""
    site = folder / "site"
    information = site / "broken_executor-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-executor\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[container_manager]\nbroken = broken_executor\n")
    (site / "broken_executor.py").write_text("import a_module_that_nobody_has\n")
    return str(site)


def test_everything_works(command_line: CommandLine) -> None:
    result = command_line("doctor")
    assert result.code == 0
    assert str(command_line.configuration) in result.stdout
    assert result.stdout.endswith("everything works\n")


def test_a_host_that_is_not_there_is_told_beside_one_that_answers(
    command_line: CommandLine, engine: Engine, socket_folder: Path
) -> None:
    _configure(command_line, {"gone": f"unix://{socket_folder}/gone.sock", "good": engine.base_url})
    result = command_line("doctor", "--json", "--timeout", "60")
    found = {finding["subject"]: finding for finding in result.json}
    assert result.code == 1
    assert found["host good"]["ok"]
    assert found["store"]["ok"]
    assert not found["host gone"]["ok"]
    assert found["host gone"]["remedy"]
    assert "gone.sock" in found["host gone"]["message"]


def test_hosts_that_take_connections_and_say_nothing_are_waited_for_no_longer_than_is_asked_for(
    command_line: CommandLine, socket_folder: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(socket_folder / "silent.sock"))
        silent.listen(16)
        _configure(command_line, dict.fromkeys(("mute", "mute-too"), f"unix://{socket_folder}/silent.sock"))
        result = command_line("doctor", "--json", "--timeout", "0.5")
    found = {finding["subject"]: finding for finding in result.json}
    assert result.code == 1
    assert found["store"]["ok"]
    for name in ("mute", "mute-too"):
        assert not found[f"host {name}"]["ok"]
        assert found[f"host {name}"]["message"] == "no answer within 0.5 s"
        assert found[f"host {name}"]["remedy"]


def test_a_wait_that_is_none_is_refused(command_line: CommandLine) -> None:
    result = command_line("doctor", "--timeout", "-1")
    assert result.code == 2
    assert "--timeout: -1.0 is out of range; use a number from 0 to 3600 seconds" in result.stderr


def _configure(command_line: CommandLine, urls: Mapping[str, str]) -> None:
    tables = [f'[hosts.{name}]\nexecutor = "docker"\nconfig = {{base_url = "{url}"}}' for name, url in urls.items()]
    command_line.configuration.write_text("\n".join(['store = "sqlite:///jobs.sqlite3"', *tables]))


def test_hosts_are_asked_at_the_same_time() -> None:
    """Each answers only once all were asked."""
    all_asked = threading.Barrier(3)

    def check(name: str) -> Health:
        all_asked.wait(30)
        return Health(ok=True)

    assert all(health.ok for health in check_hosts("abc", check, 60).values())


def test_a_broken_plugin_is_named_and_the_others_work(command_line: CommandLine, tmp_path: Path) -> None:
    site = broken_plugin(tmp_path)
    result = command_line("doctor", PYTHONPATH=site)
    assert result.code == 1
    assert "BAD plugin broken-executor: broken_executor cannot be imported" in result.stdout
    assert "a_module_that_nobody_has" in result.stdout
    assert "ok  host here" in result.stdout
    listed = command_line("executors", PYTHONPATH=site)
    assert listed.code == 0
    assert "process  " in listed.stdout
    assert "the plugin broken-executor cannot be used" in listed.stderr


def test_a_broken_configuration_is_a_finding(command_line: CommandLine) -> None:
    command_line.configuration.write_text('colour = "red"')
    result = command_line("doctor")
    assert result.code == 1
    assert "BAD configuration: " in result.stdout
    assert "the key 'colour' is unknown" in result.stdout
    assert "ok  executor process" in result.stdout


def test_an_unknown_executor_is_a_finding(command_line: CommandLine) -> None:
    command_line.configuration.write_text('[hosts.cloud]\nexecutor = "cloudy"\n[hosts.here]\nexecutor = "process"\n')
    result = command_line("doctor")
    assert result.code == 1
    assert "no executor is called 'cloudy'" in result.stdout
    assert "pip install container-manager-cloudy" in result.stdout
    assert "ok  host here" in result.stdout


RULES = """
store = "sqlite:///jobs.sqlite3"
[hosts.here]
executor = "process"
labels = { region = "eu" }
[[rules]]
condition = "True"
executor = "process"
[[rules]]
condition = "resources.memory_mib > 8192"
executor = "fargate"
reason = "High memory requirement"
[[rules]]
condition = "True"
host = "there"
[[rules]]
condition = "True"
host = "here"
labels = { region = "us" }
[[budgets]]
cap = 1
host = "ther"
[[budgets]]
cap = 1
host = "*"
"""


def test_rules_and_budgets_that_name_what_is_not_configured_are_warned_of(command_line: CommandLine) -> None:
    command_line.configuration.write_text(RULES)
    result = command_line("doctor")
    lines = result.stdout.splitlines()
    warnings = [line for line in lines if line.startswith("WARN ")]
    assert warnings == [
        "WARN rule 2 (High memory requirement): it names executor fargate, and no configured host is such",
        "WARN rule 3: it names host there, and no configured host is such",
        "WARN rule 4: it names host here, hosts labelled region=us, and no configured host is such",
        "WARN the budget of 1.00 a month for host ther: no host is called 'ther', so it limits nothing",
    ]
    remedy = "     remedy: correct the rule, or configure the host; configured are: here (process)"
    assert lines[lines.index(warnings[0]) + 1] == remedy
    assert (result.code, lines[-1]) == (0, "everything works, with 4 warnings")


def test_a_required_rule_that_names_what_is_not_configured_is_wrong(command_line: CommandLine) -> None:
    command_line.configuration.write_text(
        '[hosts.here]\nexecutor = "process"\n[[rules]]\ncondition = "True"\nhost = "there"\nrequired = true\n'
    )
    result = command_line("doctor")
    assert result.code == 1
    assert "BAD rule 1: it requires host there, and no configured host is such\n" in result.stdout


def test_a_store_that_cannot_be_used_is_a_finding(command_line: CommandLine) -> None:
    command_line.configuration.write_text('store = "sqlite:////proc/nowhere/jobs.sqlite3"\n')
    result = command_line("doctor")
    assert result.code == 1
    assert "BAD store: " in result.stdout
    assert "Traceback" not in result.stderr


def test_hosts(command_line: CommandLine) -> None:
    (host,) = command_line("hosts", "--json", "--check").json
    assert (host["name"], host["executor"], host["live_jobs"], host["health"]["ok"]) == ("here", "process", 0, True)
    assert "here" in command_line("hosts").stdout


def test_executors_import_no_sdk_and_nothing_that_is_not_needed(command_line: CommandLine) -> None:
    """Found by asking the interpreter what it imported."""
    result = command_line("executors", "--json", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "container_manager_core.plugins" in imported
    assert {name.partition(".")[0] for name in imported}.isdisjoint(
        {"docker", "boto3", "google", "scaleway", "requests", "typer", "rich", "structlog", "cattrs", "cryptography"}
    )
    listed = {executor["name"]: executor for executor in result.json}
    assert listed["process"]["distribution"] == "container-manager-core"
    assert "isolation" in listed["docker"]["capabilities"]


def test_executors_imports_neither_an_sdk_nor_the_machinery(command_line: CommandLine) -> None:
    """So that it answers at once; how fast that is, benchmarks/startup.py tells."""
    told = command_line("executors", PYTHONPROFILEIMPORTTIME="1").stderr
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "container_manager_docker.options" in imported
    assert not imported & {"docker", "requests", "typer", "rich", "structlog", "cattrs", "sqlite3"}


def test_an_executor_that_breaks_its_promise_hides_no_other_host() -> None:
    def check(name: str) -> Health:
        if name == "bad":
            raise RuntimeError("a stranger's bug")
        return Health(ok=True, message="fine")

    healths = check_hosts(["bad", "good"], check)
    assert healths["good"].ok
    assert "a stranger's bug" in healths["bad"].message


@pytest.mark.parametrize("words", [["--version"], ["--help"], [], ["run", "--help"]])
def test_the_program_says_what_it_is(command_line: CommandLine, words: list[str]) -> None:
    result = command_line(*words)
    assert (result.code, result.stderr) == (0, "")
    assert "container-manager" in result.stdout
