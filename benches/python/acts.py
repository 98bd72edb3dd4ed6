"""What is done with arrays, in one process."""

import pickle
from time import perf_counter_ns as now

import numpy as np

from packages import Cdxcore, SharedNdarray2, unique
from runs import cleared, each, each_then, large_file


def warm(kind):
    """Imports what a kind needs, and starts Python's resource tracker, before the time."""
    kind(4096).destroy()


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


def fill(kind, size, then=lambda array: None):
    """Make, and fill by one copy of memory that is there."""

    def prepare():
        warm(kind)
        source = np.ones(size // 8)

        def once():
            made = kind(size)
            made.array[:] = source
            then(made.array)
            return made

        return each_then(once, lambda made: made.destroy())

    return prepare


def fill_and_read(kind, size):
    """The same, and sum it up."""
    return fill(kind, size, then=np.sum)


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
