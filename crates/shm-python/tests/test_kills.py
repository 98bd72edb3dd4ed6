"""Workers that are killed: in a lock, with a chunk, at a barrier, as the last one out."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import shmarray as shm

FORK: Any = mp.get_context("fork")


def killed(work: Callable[[Callable[[], None]], None]) -> None:
    """Runs `work` in a child that is killed when it says that it is ready."""
    here, there = FORK.Pipe()

    def child() -> None:
        def ready() -> None:
            there.send(None)
            signal.pause()

        work(ready)

    process = FORK.Process(target=child)
    process.start()
    here.recv()
    os.kill(process.pid, signal.SIGKILL)
    process.join()


BACKENDS = pytest.mark.parametrize("backend", ["shm", "memfd", "mmap"])


@BACKENDS
def test_in_a_lock(backend: str) -> None:
    a = shm.zeros(4, guarded=True, backend=backend)

    def work(ready: Callable[[], None]) -> None:
        with a.write() as x:
            x[0] = 1
            ready()

    killed(work)
    with pytest.raises(shm.Poisoned), a.read(timeout=60):
        pass
    with a.write(timeout=60, poisoned=True) as x:
        assert x[0] == 1
        x[:] = 0
    with a.read(timeout=60) as x:
        assert not x.any()


@BACKENDS
def test_with_a_chunk(backend: str) -> None:
    a = shm.zeros(6, guarded=True, backend=backend)

    def work(ready: Callable[[], None]) -> None:
        for chunk in a.chunks(2):
            with chunk as rows:
                rows[0] = 9
                ready()

    killed(work)
    seen = {}
    for chunk in a.chunks(2, timeout=60):
        with chunk as rows:
            rows[:] = 1
            seen[chunk.index] = chunk.is_retry
    assert seen == {0: True, 1: False, 2: False}
    with a.read() as x:
        assert x.sum() == 6


@BACKENDS
def test_at_a_barrier(backend: str) -> None:
    a = shm.zeros(4, backend=backend)

    def work(ready: Callable[[], None]) -> None:
        with a.barrier(2):
            ready()

    killed(work)
    with a.barrier(1, timeout=60) as b:  # the dead one's seat is free: the number may be another
        assert b.wait(timeout=60)

    here, there = FORK.Pipe()

    def meet() -> None:
        with a.barrier(2) as b:
            there.send(None)
            b.wait()
            os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=meet)
    process.start()
    here.recv()
    with a.barrier(2, timeout=60) as b:
        b.wait()
        with pytest.raises(shm.BarrierBroken) as caught:
            b.wait()
        assert isinstance(caught.value.slot, int)
    process.join()


def test_as_the_last_one_out() -> None:
    name = shm.unique_name("last")

    def work(ready: Callable[[], None]) -> None:
        kept = shm.zeros(4, name=name, backend="shm")
        ready()
        del kept

    killed(work)
    assert name in [removed.name for removed in shm.gc()]
    with pytest.raises(FileNotFoundError):
        shm.attach(name)


def test_its_parent() -> None:
    """A forked worker whose parent is killed keeps the array. It owns nothing, so its name is left to `gc`."""
    name = shm.unique_name("orphan")
    here, there = FORK.Pipe()

    def parent() -> None:
        a = shm.zeros(4, name=name, backend="shm")
        if os.fork() == 0:
            os.setsid()
            there.send(os.getpid())
            here_of_worker.recv()
            a[0] = 5
            there.send(float(a[0]))
            a.close()
            there.send(None)
            os._exit(0)
        signal.pause()

    here_of_worker, to_worker = FORK.Pipe()
    process = FORK.Process(target=parent)
    process.start()
    here.recv()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert shm.attach(name)[0] == 0
    to_worker.send(None)
    assert here.recv() == 5.0
    here.recv()
    assert name in [removed.name for removed in shm.gc()]


def test_a_worker_that_ends_takes_its_names_along() -> None:
    name = shm.unique_name("global")

    def child() -> None:
        globals()["kept"] = shm.zeros(4, name=name, backend="shm")

    process = FORK.Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    with pytest.raises(FileNotFoundError):
        shm.attach(name)
