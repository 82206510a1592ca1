"""Secrets reach the command and nothing else; errors keep their facts."""

import pickle

import attrs

from container_manager_core.errors import ExecutorError, PermanentError
from container_manager_core.executor import ContainerExecutor
from container_manager_core.testing.executor_kit import ExecutorKit, Prepare
from container_manager_core.testing.program import Exit, PrintVariables

_SECRET = "correct-horse-battery-staple"


class SecrecyCases(ExecutorKit):
    """What every method promises about secrets and errors."""

    def test_secrets_arrive_and_win(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(PrintVariables(("TOKEN", "PLAIN")), environment={"PLAIN": "p"}, secrets={"TOKEN": _SECRET})
        execution_id = self.run(executor, request)
        assert executor.get_logs(execution_id).stdout.strip() == f"<{_SECRET}><p>".encode()

    def test_secrets_are_in_no_answer(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Exit(3), secrets={"TOKEN": _SECRET})
        launch = executor.launch_job(request)
        state = self.wait(executor, launch.execution_id)
        harvest = executor.harvest_job(attrs.evolve(request, execution_id=launch.execution_id))
        plan = executor.plan(request.spec)
        answers = (request, launch, state, harvest.state, harvest.usage, plan, executor.list_owned())
        assert _SECRET not in repr(answers)

    def test_secrets_are_in_no_error(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        failure = self.failure(executor, prepare(command=(self.missing_command,), secrets={"TOKEN": _SECRET}))
        assert _SECRET not in repr(failure)

    def test_metadata_is_plain_data(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """It is stored and shown as JSON."""
        launch = executor.launch_job(prepare(Exit(0)))
        state = self.wait(executor, launch.execution_id)
        for metadata in (launch.metadata, state.metadata):
            assert _is_plain(dict(metadata)), f"not what JSON can hold: {metadata!r}"

    def test_errors_survive_pickling(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """They travel between processes. An executor that refuses nothing at launch raises none, which is fine too."""
        request = prepare(command=(self.missing_command,))
        (answer,) = self.at_the_same_time(lambda: executor.launch_job(request))
        copy = pickle.loads(pickle.dumps(answer))
        if isinstance(answer, ExecutorError):
            assert isinstance(answer, PermanentError)
            assert type(copy) is type(answer)
            assert (str(copy), copy.failure) == (str(answer), answer.failure)
        else:
            assert copy == answer


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(inner) for inner in value)
    return value is None or isinstance(value, str | int | float | bool)
