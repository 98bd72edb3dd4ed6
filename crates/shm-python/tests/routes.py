"""The ways of an array between processes: `routes.py START-METHOD BACKEND` goes them all."""

from __future__ import annotations

import gc
import multiprocessing as mp
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

import shmarray as shm

EXPECTED = 80.0


def made(backend: str) -> shm.Array:
    return shm.full((4, 10), 2.0, np.float64, backend=backend)


def total(a: shm.Array) -> float:
    return float(np.asarray(a).sum())


def put_total(a: shm.Array, answers: Any) -> None:
    answers.put(total(a))


def take_and_put_total(arrays: Any, answers: Any) -> None:
    answers.put(total(arrays.get()))


def put_made(backend: str, arrays: Any) -> None:
    arrays.put(made(backend))


def answer(end: Any) -> None:
    end.send(total(end.recv()))


def read_twice(data: bytes, answers: Any) -> None:
    answers.put((total(pickle.loads(data)) + total(pickle.loads(data))) / 2)


def initialise(a: shm.Array) -> None:
    globals()["kept"] = a


def total_of_kept(_: int) -> float:
    return total(globals()["kept"])


class Routes:
    def __init__(self, method: str, backend: str) -> None:
        self.ctx: Any = mp.get_context(method)
        self.backend = backend
        self.array = made(backend)

    def all(self) -> Iterator[tuple[str, Callable[[], float]]]:
        for name in sorted(dir(self)):
            if name.startswith("by_"):
                yield name, getattr(self, name)

    def child(self, target: Callable[..., None], *arguments: Any) -> Any:
        child = self.ctx.Process(target=target, args=arguments)
        child.start()
        return child

    def answered(self, answers: Any, child: Any) -> float:
        got = answers.get()
        child.join()
        assert child.exitcode == 0
        return float(got)

    def by_argument(self) -> float:
        answers = self.ctx.SimpleQueue()
        return self.answered(answers, self.child(put_total, self.array, answers))

    def by_argument_dropped(self) -> float:
        answers = self.ctx.SimpleQueue()
        child = self.child(put_total, made(self.backend), answers)
        gc.collect()
        return self.answered(answers, child)

    def by_pool_down(self) -> float:
        with self.ctx.Pool(2) as pool:
            return float(sum(pool.map(total, [self.array] * 4))) / 4

    def by_pool_up(self) -> float:
        with self.ctx.Pool(2) as pool:
            return total(pool.apply(made, (self.backend,)))

    def by_pool_initialiser(self) -> float:
        with self.ctx.Pool(2, initialise, (self.array,)) as pool:
            return float(pool.map(total_of_kept, [0])[0])

    def by_executor_down(self) -> float:
        with ProcessPoolExecutor(2, mp_context=self.ctx) as executor:
            return float(executor.submit(total, self.array).result())

    def by_executor_up(self) -> float:
        with ProcessPoolExecutor(2, mp_context=self.ctx) as executor:
            return total(executor.submit(made, self.backend).result())

    def by_queue_down(self) -> float:
        arrays, answers = self.ctx.Queue(), self.ctx.SimpleQueue()
        child = self.child(take_and_put_total, arrays, answers)
        arrays.put(self.array)
        return self.answered(answers, child)

    def by_queue_dropped(self) -> float:
        arrays, answers = self.ctx.Queue(), self.ctx.SimpleQueue()
        dropped = made(self.backend)
        arrays.put(dropped)
        while dropped.name not in [one.name for one in shm.outstanding()]:
            os.sched_yield()  # until the queue's thread has pickled it
        del dropped
        gc.collect()
        return self.answered(answers, self.child(take_and_put_total, arrays, answers))

    def by_queue_of_one_that_ends(self) -> float:
        arrays = self.ctx.Queue()
        child = self.child(put_made, self.backend, arrays)
        got = arrays.get()
        child.join()
        return total(got)

    def by_pipe(self) -> float:
        here, there = self.ctx.Pipe()
        child = self.child(answer, there)
        here.send(self.array)
        got = here.recv()
        child.join()
        return float(got)

    def by_manager(self) -> float:
        with self.ctx.Manager() as manager:
            kept = manager.list([made(self.backend)])
            gc.collect()
            return total(kept[0])

    def by_a_pickle_read_twice(self) -> float:
        answers = self.ctx.SimpleQueue()
        data = bytes(ForkingPickler.dumps(self.array))
        return self.answered(answers, self.child(read_twice, data, answers))


if __name__ == "__main__":
    for name, go in Routes(*sys.argv[1:]).all():
        got = go()
        print(name, "ok" if got == EXPECTED else got, flush=True)
