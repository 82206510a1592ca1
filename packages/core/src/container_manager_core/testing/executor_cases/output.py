"""Reading what a command writes: whole, live, in pieces and by several readers."""

import json
import time

import pytest

from container_manager_core.executor import Capability, ContainerExecutor, LogPage, Logs, Stream
from container_manager_core.testing.case import needs
from container_manager_core.testing.executor_kit import ExecutorKit, Prepare
from container_manager_core.testing.program import Exit, Flood, OnTermination, Pause, Say, Tick

_SOME_LINES = tuple(Say(f"line {number} äöü\n".encode()) for number in range(20))
_SOME_TEXT = b"".join(line.data for line in _SOME_LINES)


class OutputCases(ExecutorKit):
    """What `read_logs` and `get_logs` promise."""

    def test_no_output_is_empty(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(Exit(0)))
        assert executor.get_logs(execution_id) == Logs()

    @needs(Capability.SEPARATE_STREAMS)
    def test_streams_are_told_apart(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"out\n"), Say(b"err\n", Stream.STDERR), Say(b"more\n"), Exit(3))
        execution_id = self.run(executor, request)
        assert executor.get_logs(execution_id) == Logs(stdout=b"out\nmore\n", stderr=b"err\n")

    def test_both_streams_arrive(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(Say(b"out\n"), Say(b"err\n", Stream.STDERR)))
        logs = executor.get_logs(execution_id)
        assert sorted((logs.stdout + logs.stderr).splitlines()) == [b"err", b"out"]

    def test_unicode_arrives(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        text = "Grüße, 世界 🚢\n".encode()
        execution_id = self.run(executor, prepare(Say(text)))
        assert executor.get_logs(execution_id).stdout == text

    @needs(Capability.BINARY_LOGS)
    def test_every_byte_arrives(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        data = bytes(range(256)) + b"\r\n\r\0\n\xff\xfe"
        execution_id = self.run(executor, prepare(Say(data)))
        assert executor.get_logs(execution_id).stdout == data

    @needs(Capability.BINARY_LOGS)
    def test_output_without_a_final_newline_arrives(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(Say(b"no newline")))
        assert executor.get_logs(execution_id).stdout == b"no newline"

    @needs(Capability.BINARY_LOGS)
    def test_a_very_long_line_arrives(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """A platform that cuts long lines into records has them joined again."""
        line = Flood(200_000, lines=False)
        execution_id = self.run(executor, prepare(line, Say(b"\n")))
        assert executor.get_logs(execution_id).stdout == line.data + b"\n"

    @needs(Capability.BINARY_LOGS, Capability.SEPARATE_STREAMS)
    def test_five_mebibytes_on_each_stream_arrive(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        flood = Flood(5 * 1024 * 1024, (Stream.STDOUT, Stream.STDERR))
        execution_id = self.run(executor, prepare(flood))
        logs = executor.get_logs(execution_id)
        assert (len(logs.stdout), len(logs.stderr)) == (flood.size, flood.size)
        assert logs.stdout == flood.data, "stdout has the right length but other bytes"
        assert logs.stderr == flood.data, "stderr has the right length but other bytes"

    def test_a_page_holds_about_its_limit(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """So that a large output never stands in memory whole."""
        flood = Flood(1024 * 1024)
        execution_id = self.run(executor, prepare(flood))
        limit, cursor, total = 64 * 1024, "", 0
        for _ in range(1000):
            page = executor.read_logs(execution_id, cursor, limit=limit)
            size = sum(len(chunk.data) for chunk in page.chunks)
            assert size <= 3 * limit, f"a page of {size} bytes where {limit} were asked for"
            total, cursor = total + size, page.cursor
            if not page.more:
                break
        assert total == flood.size

    @pytest.mark.parametrize("limit", [1, 7, 64, 1000])
    def test_any_split_gives_every_byte_once(self, executor: ContainerExecutor, prepare: Prepare, limit: int) -> None:
        execution_id = self.run(executor, prepare(*_SOME_LINES))
        assert b"".join(page.stdout for page in self._pages(executor, execution_id, limit)) == _SOME_TEXT

    def test_any_reader_goes_on_where_another_stopped(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        """A cursor belongs to no connection: the next worker reads on with it."""
        execution_id = self.run(executor, prepare(*_SOME_LINES))
        readers, seen, cursor = (executor, other_executor), b"", ""
        for number in range(1000):
            page = readers[number % 2].read_logs(execution_id, cursor, limit=16)
            seen, cursor = seen + page.stdout, page.cursor
            if not page.more:
                break
        assert seen == _SOME_TEXT

    def test_the_same_cursor_gives_the_same_bytes(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(*_SOME_LINES))
        cursor = executor.read_logs(execution_id, limit=16).cursor
        rests = [b"".join(page.stdout for page in executor.read_pages(execution_id, cursor)) for _ in range(2)]
        assert rests[0] == rests[1]
        assert _SOME_TEXT.endswith(rests[0])

    def test_the_cursor_at_the_end_stays(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(*_SOME_LINES))
        cursor = list(executor.read_pages(execution_id))[-1].cursor
        assert executor.read_logs(execution_id, cursor) == LogPage(cursor=cursor)

    def test_a_cursor_can_be_stored(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(*_SOME_LINES))
        cursor = executor.read_logs(execution_id, limit=16).cursor
        assert json.loads(json.dumps(cursor)) == cursor
        assert "\0" not in cursor
        assert len(cursor) < 1000

    @pytest.mark.parametrize("execution_id", ["", "unknown", "no/such/../execution", "ä" * 300, "0" * 64])
    def test_an_unknown_id_gives_an_empty_page(self, executor: ContainerExecutor, execution_id: str) -> None:
        page = executor.read_logs(execution_id)
        assert (page.chunks, page.more) == ((), False)
        assert executor.get_logs(execution_id) == Logs()

    @needs(Capability.LIVE_LOGS)
    def test_output_is_read_while_the_command_runs(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(Say(b"early\n"), Pause(60))).execution_id
        assert self.wait_for_output(executor, execution_id, b"early\n") == b"early\n"
        assert not executor.check_status(execution_id).has_ended

    @needs(Capability.LIVE_LOGS)
    def test_reading_does_not_wait_for_output(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(Say(b"early\n"), Pause(60))).execution_id
        self.wait_for_output(executor, execution_id, b"early\n")
        cursor = list(executor.read_pages(execution_id))[-1].cursor
        begun = time.monotonic()
        page = executor.read_logs(execution_id, cursor)
        assert time.monotonic() - begun < 5
        assert page == LogPage(cursor=cursor)

    @needs(Capability.LIVE_LOGS)
    def test_live_reading_gives_every_byte_once(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        steps = tuple(step for line in _SOME_LINES for step in (line, Pause(0.03)))
        execution_id = executor.launch_job(prepare(*steps)).execution_id
        seen, cursor, ended = b"", "", False
        while not ended:
            ended = executor.check_status(execution_id).has_ended
            for page in executor.read_pages(execution_id, cursor):
                seen, cursor = seen + page.stdout, page.cursor
            time.sleep(self.poll_interval_seconds)
        assert seen == _SOME_TEXT

    @needs(Capability.LIVE_LOGS)
    def test_a_cursor_taken_live_is_good_after_the_end(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        execution_id = executor.launch_job(prepare(Say(b"early\n"), Pause(0.5), Say(b"late\n"))).execution_id
        seen, cursor = b"", ""
        while b"early" not in seen:
            page = executor.read_logs(execution_id, cursor)
            seen, cursor = seen + page.stdout, page.cursor
        self.wait(executor, execution_id)
        rest = b"".join(page.stdout for page in other_executor.read_pages(execution_id, cursor))
        assert seen + rest == b"early\nlate\n"

    def test_two_readers_at_once_read_the_same(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(*_SOME_LINES))
        answers = self.at_the_same_time(*[lambda: executor.get_logs(execution_id).stdout] * 4)
        assert answers == [_SOME_TEXT] * 4

    def test_output_of_a_cancelled_execution_is_kept(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(OnTermination(b"bye\n", 5), Say(b"ready\n"), Tick())
        execution_id = executor.launch_job(request).execution_id
        if Capability.LIVE_LOGS in self.executor_type.capabilities:
            self.wait_for_output(executor, execution_id, b"ready\n")
        else:
            time.sleep(self.timeout_seconds / 10)
        executor.cancel(execution_id, 1.0)
        self.wait(executor, execution_id)
        assert executor.get_logs(execution_id).stdout.startswith(b"ready\n")

    @staticmethod
    def _pages(executor: ContainerExecutor, execution_id: str, limit: int) -> list[LogPage]:
        pages, cursor = [], ""
        for _ in range(10_000):
            page = executor.read_logs(execution_id, cursor, limit=limit)
            pages.append(page)
            if not page.more:
                return pages
            cursor = page.cursor
        raise AssertionError(f"10,000 pages and still more to come, the cursor being {cursor!r}")
