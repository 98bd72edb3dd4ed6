"""How an operation is repeated and timed, and what is put away after it."""

import contextlib
import os
import tempfile
from time import perf_counter_ns as now

CLEANUP = contextlib.ExitStack()

# Where large files are found, or made and left.
FOLDER = None


def each(operation):
    """A run that does nothing but `operation`."""

    def run(count):
        start = now()
        for _ in range(count):
            operation()
        return now() - start

    return run


def each_then(operation, after):
    """A run of an operation, of which what comes is put away outside the time."""

    def run(count):
        total = 0
        for _ in range(count):
            start = now()
            made = operation()
            total += now() - start
            after(made)
        return total

    return run


def measure(run, least):
    """More and more operations until they take so many nanoseconds: as `shmarray-bench` does it."""
    count = 1
    while True:
        start = now()
        ns = run(count)
        share = max(ns / least, (now() - start) / (least * 8))
        if share >= 1:
            return {"ns": ns, "count": count, "notes": []}
        count *= min(max(-int(-1.2 // share), 2), 10)


def cleared(made):
    """What is destroyed at the end, whatever comes."""
    CLEANUP.callback(made.destroy)
    return made


def large_file(name, write):
    """The path of a file that `write` makes if it is not there, and that is in the page cache. Without
    a folder to leave it in, it is removed at the end."""
    folder = FOLDER or CLEANUP.enter_context(tempfile.TemporaryDirectory(prefix="shmarray-bench-"))
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        write(path + ".new")
        os.rename(path + ".new", path)
    with open(path, "rb", buffering=0) as file:
        part = bytearray(1 << 20)
        while file.readinto(part):
            pass
    return path
