"""Output, byte for byte, from a real engine."""

import hashlib
import random
import tracemalloc
from typing import Any

import pytest

from container_manager_core.executor import LogPage

MEBIBYTE = 1024 * 1024


def test_any_bytes_come_back(executor: Any, prepare: Any, wait: Any) -> None:
    """Not UTF-8, NUL, no line end at the end, a carriage return, an empty line."""
    data = bytes(range(256)) + b"\n\n\r\n\xff\x00"
    script = "printf '" + "".join(f"\\{byte:03o}" for byte in data) + "'"
    launch = executor.launch_job(prepare("sh", "-c", f"{script}; {script} >&2"))
    wait(executor, launch.execution_id)
    logs = executor.get_logs(launch.execution_id)
    assert (logs.stdout, logs.stderr) == (data, data)


def test_both_streams_at_once_in_pages_of_any_size(executor: Any, prepare: Any, wait: Any) -> None:
    """One huge line on stdout, many lines on stderr, read on from each cursor by anybody."""
    script = "(head -c 300000 /dev/zero | tr '\\0' x) & (yes | head -c 200000 >&2) & wait"
    launch = executor.launch_job(prepare("sh", "-c", script))
    wait(executor, launch.execution_id)
    sizes = random.Random(7)
    out, err, cursor, more = b"", b"", "", True
    while more:
        page = executor.read_logs(launch.execution_id, cursor, limit=sizes.choice((1, 100, 16_384, 50_000)))
        out, err, cursor, more = out + page.stdout, err + page.stderr, page.cursor, page.more
    assert out == b"x" * 300_000
    assert err == b"y\n" * 100_000
    assert executor.read_logs(launch.execution_id, cursor) == LogPage(cursor=cursor)


def test_live_reading_gives_every_byte_once(executor: Any, prepare: Any, wait: Any) -> None:
    script = "i=0; while [ $i -lt 300 ]; do echo out $i; echo err $i >&2; printf %s $i; i=$((i+1)); done"
    launch = executor.launch_job(prepare("sh", "-c", script))
    out, err, cursor, ended = b"", b"", "", False
    while True:
        page = executor.read_logs(launch.execution_id, cursor, limit=700)
        out, err, cursor = out + page.stdout, err + page.stderr, page.cursor
        if ended and not page.more:
            break
        ended = executor.check_status(launch.execution_id).has_ended
    assert out == b"".join(b"out %d\n%d" % (i, i) for i in range(300))
    assert err == b"".join(b"err %d\n" % i for i in range(300))


@pytest.mark.parametrize("source", ["head -c 50331648 /dev/urandom", "yes line | head -c 500000"])
def test_a_large_output_is_whole_and_memory_stays_flat(executor: Any, prepare: Any, wait: Any, source: str) -> None:
    """The container tells the sum of what it printed on the other stream."""
    script = f"mkfifo /tmp/p; sha256sum < /tmp/p >&2 & {source} | tee /tmp/p; wait"
    launch = executor.launch_job(prepare("sh", "-c", script))
    wait(executor, launch.execution_id)
    digest, told, cursor = hashlib.sha256(), b"", ""
    tracemalloc.start()
    for page in executor.read_pages(launch.execution_id):
        digest.update(page.stdout)
        told, cursor = told + page.stderr, page.cursor
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.split()[0].decode() == digest.hexdigest()
    assert peak < 8 * MEBIBYTE
    assert executor.read_logs(launch.execution_id, cursor).chunks == ()


def test_reading_breaks_off_with_a_cursor_that_goes_on(executor: Any, prepare: Any, wait: Any) -> None:
    """A worker that dies within a harvest loses and doubles nothing."""
    launch = executor.launch_job(prepare("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"))
    wait(executor, launch.execution_id)
    pages = executor.read_pages(launch.execution_id)
    first = next(pages)
    pages.close()
    rest = b"".join(page.stdout for page in executor.read_pages(launch.execution_id, first.cursor))
    assert first.stdout + rest == b"x" * 3_000_000


def test_the_ends_of_long_lines_are_there(executor: Any, prepare: Any, wait: Any) -> None:
    """Some engines lose them; live and afterwards."""
    line = "head -c $n /dev/zero | tr '\\0' x; sleep 0.1; echo; sleep 0.1"
    script = f"for n in 20000 32768 16383; do {line}; done; echo end"
    launch = executor.launch_job(prepare("sh", "-c", script))
    live, cursor, ended = b"", "", False
    while True:
        page = executor.read_logs(launch.execution_id, cursor, limit=7000)
        live, cursor = live + page.stdout, page.cursor
        if ended and not page.more:
            break
        ended = executor.check_status(launch.execution_id).has_ended
    assert live == b"".join(b"x" * n + b"\n" for n in (20_000, 32_768, 16_383)) + b"end\n"
    assert executor.get_logs(launch.execution_id).stdout == live
