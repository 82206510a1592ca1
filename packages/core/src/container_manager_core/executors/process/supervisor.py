"""A small process that starts one command, waits for it and writes down how it ended.

Run as a program by `ProcessExecutor`, with the execution's folder as its argument and the command on its
standard input. It needs nothing but a few modules of the standard library, so that it starts quickly and
stays small, and it outlives the worker. Its answer on standard output is one line: ``begun``, ``busy`` (another
supervisor has the folder), ``known`` (the command was started before), ``gone`` (the folder was removed),
``broken`` (the request was cut off), or ``refused <step> <errno>``.
"""

import errno
import fcntl
import os
import resource
import signal
import sys
import time
from contextlib import suppress

RETRY_SECONDS = 1.0


class Request:
    """What to run, as fields that end with NUL: their number comes first."""

    def __init__(self, text: bytes) -> None:
        count, _, rest = text.partition(b"\0")
        fields = rest.split(b"\0")
        if not count.isdigit() or len(fields) != int(count) + 1:
            raise ValueError("the request was cut off")
        self.ended_file = os.fsdecode(fields[0])
        self.folder = os.fsdecode(fields[1])
        self.memory_bytes = int(fields[2])
        self.timeout_seconds = float(fields[3])
        self.grace_seconds = float(fields[4])
        words = int(fields[5])
        self.words = fields[6 : 6 + words]
        self.environment = dict(field.split(b"=", 1) for field in fields[6 + words : -1])


class Deadline:
    """Ends a process group politely, then by force, when its time is over."""

    def __init__(self, group: int, request: Request) -> None:
        self.passed = False
        self._group = group
        self._grace_seconds = request.grace_seconds
        if request.timeout_seconds > 0:
            signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, request.timeout_seconds)

    def stop(self) -> None:
        """The process has ended: let the alarm ring no more."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: object) -> None:
        if self.passed or self._grace_seconds == 0:
            kill_group(self._group, signal.SIGKILL)
        else:
            kill_group(self._group, signal.SIGTERM)
            signal.setitimer(signal.ITIMER_REAL, self._grace_seconds)
        self.passed = True


def main(folder: str) -> None:
    """Detach, take the folder, run the command once and write down its end."""
    request_text = sys.stdin.buffer.read()
    if os.fork():
        os._exit(0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        request = Request(request_text)
    except ValueError:
        answer("broken")
        return
    refusal = take(folder)
    if refusal:
        answer(refusal)
        return
    started, tick = time.time(), time.monotonic()
    pid, step, error = start(request)
    if error:
        os.waitpid(pid, 0)
        write_end(request, f'"refused": "{step}", "errno": {error}, "started_at": {started}, "finished_at": {started}')
        answer(f"refused {step} {error}")
        return
    answer("begun")
    wait(request, pid, started, tick)


def take(folder: str) -> str:
    """Become the one supervisor of the folder, once; otherwise say why not.

    The lock tells others that the supervisor lives. It dies with the process, and the command does not inherit
    it. ``begun`` stays, and so a supervisor that comes late, or after a crash, starts nothing.
    """
    try:
        # From here on paths are relative: a folder made anew under the same name is another one.
        os.chdir(folder)
        lock = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(os.open("begun", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except BlockingIOError:
        return "busy"
    except FileExistsError:
        return "known"
    except FileNotFoundError:
        return "gone"
    return ""


def start(request: Request) -> tuple[int, str, int]:
    """The command's process id; or else the step that failed and its errno."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        become(request, theirs)
    os.close(theirs)
    report = b""
    while part := os.read(ours, 100):
        report += part
    os.close(ours)
    step, _, error = report.decode().partition(" ")
    return pid, step, int(error or 0)


def become(request: Request, report: int) -> None:
    """Turn this process into the command, or report the step that failed."""
    step = "output"
    try:
        os.setsid()
        record = f"{os.getpid()} {start_time(os.getpid())} {time.time()}\n"
        command = os.open("command", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(command, record.encode())
        os.close(command)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), descriptor)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        step = "limit"
        if request.memory_bytes:
            resource.setrlimit(resource.RLIMIT_DATA, (request.memory_bytes, request.memory_bytes))
        step = "folder"
        os.chdir(request.folder)
        step = "command"
        os.execvpe(request.words[0], request.words, request.environment)
    except OSError as error:
        os.write(report, f"{step} {error.errno}".encode())
    finally:
        os._exit(127)


def wait(request: Request, pid: int, started: float, tick: float) -> None:
    """Wait for the command, end what it left behind, and write down the end."""
    deadline = Deadline(pid, request)
    # The process stays a zombie until its group is dead, so that its number is not given away.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    deadline.stop()
    finished = started + time.monotonic() - tick
    kill_group(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    write_end(
        request,
        f'"exit_code": {code if code >= 0 else 128 - code}, "timed_out": {"true" if deadline.passed else "false"}, '
        f'"started_at": {started}, "finished_at": {finished}, '
        f'"peak_memory_bytes": {usage.ru_maxrss * unit}, "cpu_seconds": {usage.ru_utime + usage.ru_stime:.6f}',
    )


def write_end(request: Request, facts: str) -> None:
    """Write the end in one piece. A full disk is waited for: until then the execution counts as running."""
    while True:
        try:
            file = os.open("ending", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.write(file, f"{{{facts}}}\n".encode())
            os.fsync(file)
            os.close(file)
            os.rename("ending", request.ended_file)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(RETRY_SECONDS)
        else:
            return


def kill_group(group: int, number: int) -> None:
    """Signal every process of the group that is left."""
    try:
        os.killpg(group, number)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.EPERM):
            raise


def start_time(pid: int) -> str:
    """When a process began, in the system's own unit: with the number it tells processes apart.

    "0" for one that is gone or a zombie, and on systems without /proc.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return "0"
    return "0" if fields[0] == b"Z" else fields[19].decode()


def answer(line: str) -> None:
    """Tell the launcher, if it is still there, and let go of it."""
    with suppress(OSError):
        os.write(1, line.encode())
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)


if __name__ == "__main__":
    main(sys.argv[1])
