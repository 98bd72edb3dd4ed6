"""Nothing ends in a crash: each in a process of its own, of which the exit code is looked at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PRELUDE = "import gc, os, sys, threading, numpy as np, shmarray as shm\n"

ENDS = {
    "views_after_close": """
a = shm.array(np.arange(1 << 20)); v = a.array; w = v[::2][1:]; m = memoryview(a); n = np.asarray(a)
a.close(); del a, v; gc.collect()
assert w.sum() and m[5] == 5 and n[7] == 7
del w, n; gc.collect(); assert m[9] == 9
""",
    "views_after_destroy": """
a = shm.zeros(1 << 20, backend="shm"); v = a.array; a.destroy(); a.close(); v[:] = 1
assert v.sum() == 1 << 20
""",
    "views_at_the_end": """
class Late:
    def __del__(self): self.v[0] = 1; self.m[1]
late = Late(); a = shm.zeros(1000); late.v = a.array; late.m = memoryview(a); late.a = a; cycle = [late]; cycle.append(cycle)
""",
    "guard_at_the_end": """
a = shm.zeros(10, guarded=True); g = a.write(); x = g.__enter__(); c = a
""",
    "chunk_at_the_end": """
a = shm.zeros(10, guarded=True); chunks = a.chunks(2); chunk = next(chunks); rows = chunk.array
""",
    "guarded_view_kept": """
a = shm.zeros(1 << 20, guarded=True)
with a.write() as x: y = x[1:]
a.close(); del a, x; gc.collect(); assert y.sum() == 0
""",
    "a_large_array_is_freed": """
a = shm.zeros(1 << 24, "u1", commit="populate"); v = a.array; a.close(); del v, a
""",
    "daemon_thread_at_the_end": """
a = shm.zeros(10, guarded=True, backend="memfd"); g = a.write(); g.__enter__(); started = threading.Event()
def wait():
    started.set()
    with a.write(): pass
threading.Thread(target=wait, daemon=True).start(); started.wait()
""",
    "a_fork_in_a_thread": """
import warnings; warnings.simplefilter("ignore")
a = shm.zeros(1000, backend="memfd"); view = a.array; stop = []; begun = threading.Event()
def churn():
    while not stop:
        with shm.zeros(100, backend="shm") as b: b[0] = 1
        begun.set()
def fork():
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            view[0] = 1; shm.zeros(5)[0]; a.close(); os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
threads = [threading.Thread(target=churn), threading.Thread(target=fork)]
for t in threads: t.start()
threads[1].join(); stop.append(1); threads[0].join(); assert view[0] == 1
""",
    "a_forked_child_that_ends": """
a = shm.zeros(10, backend="shm"); v = a.array
pid = os.fork()
if pid == 0: v[0] = 2; sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0 and v[0] == 2 and shm.attach(a.name)[0] == 2
""",
    "two_threads_of_one_handle": """
a = shm.zeros(1 << 16); errors = []
def use():
    try:
        for _ in range(200): a.array[0]; np.asarray(a)[1]; memoryview(a)
    except ValueError: pass
threads = [threading.Thread(target=use) for _ in range(4)]
for t in threads: t.start()
a.close()
for t in threads: t.join()
""",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS.keys())
def test_it_ends_well(run: Callable[..., str], code: str) -> None:
    run(PRELUDE + code)


WAITS = {
    "lock": "with a.write(): pass",
    "chunk": "next(a.chunks(3, round=0))",
    "barrier": "a.barrier(2).wait()",
    "progress": "a.progress.wait_past(0)",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())
def test_ctrl_c_ends_a_wait(wait: str) -> None:
    code = PRELUDE + f"""
a = shm.zeros(3, guarded=True)
b = shm.attach(a.name) if a.backend == "shm" else a
g = b.write(); g.__enter__()
try:
    print("waiting", flush=True)
    {wait}
except KeyboardInterrupt:
    print("interrupted")
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        while "(sleeping)" not in Path(f"/proc/{child.pid}/status").read_text():
            os.sched_yield()
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    assert (out, child.returncode) == ("interrupted\n", 0)


def test_a_wait_lets_other_threads_run(run: Callable[..., str]) -> None:
    run(
        PRELUDE
        + """
a = shm.zeros(3)
def count(): a.progress.add(1)
thread = threading.Timer(0.05, count); thread.start()
assert a.progress.wait_past(0, timeout=60) == 1
thread.join()
"""
    )
