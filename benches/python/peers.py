"""Python peers of the rows that `contest` measures, with the same protocol.

    peers.py list                              rows and their peers, as JSON, one row a line
    peers.py run KEY CONTENDER --millis N      one measurement: {"ns": …, "count": …, "notes": […]}
    peers.py about                             which Python and packages these are

`PEERS` says which peer does the thing of which row. A peer is a function that makes what is needed,
outside the time, and gives back one that does the thing `count` times and tells the nanoseconds. It is
called in a process of its own. Peers that are not in the standard library are imported where they
are used: one that fails to import is a contender that fails.
"""

import argparse
import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import pickle
import platform
import sys
import tempfile
from mmap import mmap
from multiprocessing.reduction import recv_handle, send_handle
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter_ns as now

import numpy as np

KIB = 1 << 10
GIB = 1 << 30

# A forked process has what its parent made, as a contender of `contest` that forks does.
FORK = multiprocessing.get_context("fork")


def unique(what="array"):
    """A name in /dev/shm that no other process takes."""
    return f"shmarray-bench-{os.getpid()}-{what}"


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


def stay_on(core):
    """Keeps this process on that core."""
    os.sched_setaffinity(0, {core})


# ---- Arrays: how each peer makes one, attaches to it, and lets it go ---------------------------------


class Standard:
    """An ndarray over `multiprocessing.shared_memory`, as its documentation shows it."""

    def __init__(self, size, create=True, name=None):
        self.shm = SharedMemory(name or unique(), create=create, size=size)
        self.array = np.ndarray((size // 8,), np.float64, self.shm.buf)

    @classmethod
    def attach(cls, size):
        return cls(size, create=False)

    def leave(self):
        del self.array
        self.shm.close()

    def destroy(self):
        self.leave()
        self.shm.unlink()


class Cdxcore:
    """`cdxcore.npshm`."""

    def __init__(self, size):
        from cdxcore.npshm import create_shared_array

        self.array = create_shared_array(unique(), (size // 8,), np.float64)

    @classmethod
    def attach(cls, _size, name=None):
        from cdxcore.npshm import attach_shared_array

        self = cls.__new__(cls)
        self.array = attach_shared_array(name or unique())
        return self

    def leave(self):
        del self.array

    def destroy(self):
        from cdxcore.npshm import delete_shared_array

        self.leave()
        delete_shared_array(unique())


class SharedNdarray2:
    """`shared_ndarray2`, over shared memory of the standard library, as it is handed to another
    process: pickled."""

    def __init__(self, size):
        from shared_ndarray2 import SharedNDArray

        self.shared = SharedNDArray(
            SharedMemory(unique(), create=True, size=size), (size // 8,), np.float64
        )
        self.array = self.shared[:]

    @classmethod
    def attach(cls, pickled):
        self = cls.__new__(cls)
        self.shared = pickle.loads(pickled)
        self.array = self.shared[:]
        return self

    def leave(self):
        del self.array
        self.shared.shm.close()

    def destroy(self):
        self.leave()
        self.shared.shm.unlink()


def gridr(backend):
    """`gridr.scaling.shared_array`, on one of its backends."""

    class GridR:
        def __init__(self, size, create=True):
            from gridr.scaling import shared_array

            shared_array.set_backend(backend)
            self.shared = shared_array.SharedArray((size // 8,), np.float64, unique())
            (self.shared.create if create else self.shared.load)()

        @classmethod
        def attach(cls, size):
            return cls(size, create=False)

        @property
        def array(self):
            return self.shared.array

        def leave(self):
            self.shared.close()

        def destroy(self):
            self.shared.destroy()

    return GridR


# ---- What is done with them --------------------------------------------------------------------------


def warm(kind):
    """Imports what a kind needs, and starts Python's resource tracker, before the time."""
    kind(4 * KIB).destroy()


def create(kind, size):
    """Make, map, destroy."""

    def prepare():
        warm(kind)
        return each(lambda: kind(size).destroy())

    return prepare


def attach(kind, size):
    """Attach by name, read an element, detach."""

    def prepare():
        made = cleared(kind(size))
        what = pickle.dumps(made.shared) if kind is SharedNdarray2 else size

        def once():
            found = kind.attach(what)
            found.array[0]
            found.leave()

        return each(once)

    return prepare


def fill(kind, size):
    """Make, and fill by one copy of memory that is there."""

    def prepare():
        warm(kind)
        source = np.ones(size // 8)

        def once():
            made = kind(size)
            made.array[:] = source
            return made

        return each_then(once, lambda made: made.destroy())

    return prepare


def free(kind, size):
    """Destroy an array that is full."""

    def prepare():
        warm(kind)

        def run(count):
            total = 0
            for _ in range(count):
                made = kind(size)
                made.array[:] = 1.0
                start = now()
                made.destroy()
                total += now() - start
            return total

        return run

    return prepare


def load(kind, size):
    """A .npy file into a fresh array: read by NumPy, and copied."""

    def prepare():
        warm(kind)

        def write(path):
            with open(path, "wb") as file:
                np.save(file, np.full(size // 4, 1.5, np.float32))

        # The name that `contest` gives to the same.
        path = large_file("bench-1GiB.npy", write)

        def once():
            loaded = np.load(path).view(np.float64)
            made = kind(loaded.nbytes)
            made.array[:] = loaded
            return made

        return each_then(once, lambda made: made.destroy())

    return prepare


def load_cdxcore(size):
    """The same from a file of its own format, which it reads into the array."""

    def prepare():
        from cdxcore.npio import to_file
        from cdxcore.npshm import delete_shared_array, read_shared_array

        warm(Cdxcore)
        path = large_file("bench-1GiB.cdxcore", lambda path: to_file(path, np.ones(size // 8)))

        def once():
            return read_shared_array(path, unique(), accept_existing=False)

        return each_then(once, lambda made: delete_shared_array(unique()))

    return prepare


# ---- Two processes -----------------------------------------------------------------------------------


def answering(answer):
    """A forked process that does `answer` with its end of a pipe until that is closed; our end, and
    its id."""
    here, there = FORK.Pipe()

    def serve():
        here.close()
        with contextlib.suppress(EOFError):
            while True:
                answer(there)

    process = FORK.Process(target=serve, daemon=True)
    process.start()
    there.close()
    return here, process.pid


def pass_handle(size):
    """A memfd by `send_handle`; the other side maps it, reads a byte, answers."""

    def prepare():
        stay_on(0)
        fd = os.memfd_create("peer")
        os.ftruncate(fd, size)

        def answer(pipe):
            handle = recv_handle(pipe)
            with mmap(handle, size) as found:
                found[0]
            os.close(handle)
            pipe.send_bytes(b"!")

        pipe, pid = answering(answer)

        def once():
            send_handle(pipe, fd, pid)
            pipe.recv_bytes()

        return each(once)

    return prepare


def pass_gridr(size):
    """GridR's memfd: its payload, and the fd by `send_handle`."""

    def prepare():
        from gridr.scaling.shared_array import SharedArray

        stay_on(0)
        made = cleared(gridr("memfd")(size))

        def answer(pipe):
            payload = pipe.recv()
            payload["backend"]["fd"] = recv_handle(pipe)
            found = SharedArray.from_payload(payload)
            found.array[0]
            found.destroy()
            pipe.send_bytes(b"!")

        pipe, pid = answering(answer)

        def once():
            payload = made.shared.get_passing_payload()
            pipe.send(payload)
            send_handle(pipe, payload["backend"]["fd"], pid)
            pipe.recv_bytes()

        return each(once)

    return prepare


def pass_name(kind, size):
    """An array by what its package hands over: its name, or itself, pickled."""

    def prepare():
        stay_on(0)
        made, name = cleared(kind(size)), unique()

        def answer(pipe):
            said = pipe.recv()
            if kind is SharedNdarray2:
                said[0]
                said.shm.close()
            elif kind is Cdxcore:
                found = kind.attach(size, name=said)
                found.array[0]
                found.leave()
            else:
                found = kind(size, create=False, name=said)
                found.array[0]
                found.leave()
            pipe.send_bytes(b"!")

        pipe, _ = answering(answer)

        def once():
            pipe.send(made.shared if kind is SharedNdarray2 else name)
            pipe.recv_bytes()

        return each(once)

    return prepare


def lock():
    """`multiprocessing.Lock`, that nobody else wants."""
    held = FORK.Lock()

    def once():
        with held:
            pass

    return each(once)


def barrier(cores):
    """`multiprocessing.Barrier` of two processes, each on its core."""

    def prepare():
        meeting = FORK.Barrier(2)

        def answer(pipe):
            count = pipe.recv()
            stay_on(cores[1])
            for _ in range(count):
                meeting.wait()

        pipe, _ = answering(answer)
        stay_on(cores[0])

        def run(count):
            pipe.send(count)
            start = now()
            for _ in range(count):
                meeting.wait()
            return now() - start

        return run

    return prepare


# ---- Which of them does the thing of which row -------------------------------------------------------

SHM = {
    "Python SharedMemory": Standard,
    "Python cdxcore": Cdxcore,
    "Python GridR": gridr("shm"),
    "Python shared-ndarray2": SharedNdarray2,
}


def of_all(act, size):
    """What all packages do, on memory with a name."""
    return {name: act(kind, size) for name, kind in SHM.items()}


PEERS = {
    "create/shm/4KiB": of_all(create, 4 * KIB),
    "create/memfd/4KiB": {"Python GridR": create(gridr("memfd"), 4 * KIB)},
    "create/mmap/4KiB": {"Python GridR": create(gridr("mmap"), 4 * KIB)},
    "create/shm/1GiBuntouched": of_all(create, GIB),
    "untouched/memfd/1GiB": {
        "Python SharedMemory": create(Standard, GIB),
        "Python GridR": create(gridr("memfd"), GIB),
    },
    "untouched/mmap/1GiB": {"Python GridR": create(gridr("mmap"), GIB)},
    "attach/shm/4KiB": of_all(attach, 4 * KIB),
    "pass/memfd/4KiB": {
        "Python send_handle": pass_handle(4 * KIB),
        "Python GridR": pass_gridr(4 * KIB),
        "Python cdxcore": pass_name(Cdxcore, 4 * KIB),
        "Python shared-ndarray2": pass_name(SharedNdarray2, 4 * KIB),
        "Python SharedMemory": pass_name(Standard, 4 * KIB),
    },
    "lock/write": {"Python multiprocessing.Lock": lock},
    "barrier/2 cores": {"Python multiprocessing.Barrier": barrier([0, 1])},
    "barrier/1 core": {"Python multiprocessing.Barrier": barrier([0, 0])},
    "fill-beside-others/memfd/1GiB": of_all(fill, GIB),
    "fill-beside-others/memfd/1GiB/huge": of_all(fill, GIB),
    "free/shm/1GiB": of_all(free, GIB),
    "load/shm/1GiB": {
        "Python np.load, SharedMemory": load(Standard, GIB),
        "Python np.load, GridR": load(gridr("shm"), GIB),
        "Python cdxcore (its own format)": load_cdxcore(GIB),
    },
}


# ---- The protocol ------------------------------------------------------------------------------------

CLEANUP = contextlib.ExitStack()
FOLDER = None


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


def about():
    """Which Python and packages these are."""
    packages = ["numpy", "cdxcore", "gridr", "shared-ndarray2"]
    versions = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    return ", ".join([f"{platform.python_implementation()} {platform.python_version()}", *versions])


def main():
    global FOLDER
    parser = argparse.ArgumentParser(description="Python peers of the rows of contest")
    parser.add_argument("--folder", help="where large files are found, or made and left")
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("list")
    tasks.add_parser("about")
    run = tasks.add_parser("run")
    run.add_argument("row")
    run.add_argument("contender")
    run.add_argument("--millis", type=int, default=50)
    arguments = parser.parse_args()
    FOLDER = arguments.folder
    if arguments.task == "list":
        for key, peers in PEERS.items():
            contenders = [{"name": name, "role": "peer"} for name in peers]
            print(json.dumps({"key": key, "contenders": contenders}))
    elif arguments.task == "about":
        print(about())
    else:
        peer = PEERS.get(arguments.row, {}).get(arguments.contender)
        if peer is None:
            sys.exit(f"no contender {arguments.contender} in {arguments.row}")
        with CLEANUP:
            print(json.dumps(measure(peer(), arguments.millis * 1_000_000)))


if __name__ == "__main__":
    main()
