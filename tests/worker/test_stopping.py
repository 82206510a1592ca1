"""A worker is stopped by signals, whatever its thread is just doing."""

import subprocess
import sys

# The worker is to finish what it has: once it has taken the job on, it goes on through two seconds of signals.
_CODE = """
import signal, threading, time
from container_manager_core.config import Config
from container_manager_core.host import Host
from container_manager_core.manager import ContainerManager
from container_manager_core.spec import ContainerSpec

here = Host(name="here", executor="process")
with ContainerManager(Config(store="memory:", hosts={"here": here})) as manager:
    job = manager.submit(ContainerSpec(image="none", command=["sleep", "2"]), host="here")
    worker = manager.worker()

    def shoot():
        while manager.get(job.id).status.value == "pending":
            time.sleep(0.01)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        while not manager.get(job.id).status.is_terminal:
            time.sleep(0.05)
        signal.setitimer(signal.ITIMER_REAL, 0)

    signal.signal(signal.SIGALRM, lambda *_: worker.stop())
    thread = threading.Thread(target=shoot, daemon=True)
    thread.start()
    worker.run(once=True)
    thread.join()
    print(manager.get(job.id).status.value)
"""


def test_signals_at_any_moment_do_not_make_a_worker_wait_for_itself() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, timeout=60)
    assert done.stdout == "completed\n", done.stderr
