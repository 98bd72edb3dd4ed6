"""The packages: how each makes an array, attaches to one, and lets it go.

Those that are not in the standard library are imported where they are used: one that fails to import is a
contender that fails.
"""

import os
import pickle
from multiprocessing.shared_memory import SharedMemory

import numpy as np


def unique(what="array"):
    """A name in /dev/shm that no other process takes."""
    return f"shmarray-bench-{os.getpid()}-{what}"


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


# Those that make memory with a name.
SHM = {
    "Python SharedMemory": Standard,
    "Python cdxcore": Cdxcore,
    "Python GridR": gridr("shm"),
    "Python shared-ndarray2": SharedNdarray2,
}
