"""What two processes do: hand arrays over, and wait for each other."""

import contextlib
import multiprocessing
import os
from mmap import mmap
from multiprocessing.reduction import recv_handle, send_handle
from time import perf_counter_ns as now

from packages import Cdxcore, SharedNdarray2, gridr, unique
from runs import cleared, each

# A forked process has what its parent made, as a contender of `contest` that forks does.
FORK = multiprocessing.get_context("fork")


def stay_on(core):
    """Keeps this process on that core."""
    os.sched_setaffinity(0, {core})


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
