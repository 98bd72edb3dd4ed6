"""Arrays on their way: start methods, backends, routes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shmarray as shm

ROUTES = str(Path(__file__).with_name("routes.py"))
METHODS = ["fork", "spawn", "forkserver"]


@pytest.mark.parametrize("backend", ["shm", "memfd"])
@pytest.mark.parametrize("method", METHODS)
def test_every_route(run: Callable[..., str], method: str, backend: str) -> None:
    lines = run(ROUTES, method, backend).splitlines()
    assert len(lines) == 13 and all(line.endswith(" ok") for line in lines), lines


def test_loky(run: Callable[..., str]) -> None:
    pytest.importorskip("joblib")
    code = """if True:
        import numpy as np, shmarray as shm
        from joblib import Parallel, delayed
        def use(a): return float(np.asarray(a).sum())
        def make(): return shm.full(3, 2.0, backend="memfd")
        a = make()
        print(sum(Parallel(2)(delayed(use)(a) for _ in range(4))))
        print(sum(use(b) for b in Parallel(2)(delayed(make)() for _ in range(4))))
    """
    assert run(code, quiet=False).split() == ["24.0", "24.0"]


def test_this_process_gets_what_it_has() -> None:
    a = shm.array([1, 2, 3], backend="memfd")
    again = pickle.loads(pickle.dumps(a))
    assert np.shares_memory(again.array, a.array)
    reader = shm.attach(shm.zeros(2, backend="shm", cleanup="persist").name, readonly=True)
    assert pickle.loads(pickle.dumps(reader)).readonly
    shm.delete(reader.name)
    frozen = shm.array([1], backend="memfd").freeze()
    assert pickle.loads(pickle.dumps(frozen)).frozen


def test_a_plain_pickle_holds_nothing() -> None:
    a = shm.zeros(3, backend="shm")
    data = pickle.dumps(a)
    assert a.name not in [one.name for one in shm.outstanding()]
    del a
    late = pickle.loads(data)
    uses: list[Callable[[], Any]] = [lambda: late[0], lambda: late.shape, lambda: late.array]
    for use in uses:
        with pytest.raises(FileNotFoundError):
            use()
    with pytest.raises(FileNotFoundError):
        np.asarray(late)
    assert isinstance(late.error, shm.NotFound) and "could not be attached" in repr(late)


def test_what_is_sent_is_held_until_it_is_received() -> None:
    a = shm.array([5, 6], backend="shm")
    name = a.name
    data = bytes(ForkingPickler.dumps(a))
    del a
    (held,) = [one for one in shm.outstanding() if one.name == name]
    assert not held.received and held.nbytes == 16
    assert pickle.loads(data).array.tolist() == [5, 6]
    (held,) = [one for one in shm.outstanding() if one.name == name]
    assert held.received
    assert pickle.loads(data).array.tolist() == [5, 6]  # a second time, within the grace
    shm.holding.grace = -1
    try:
        assert name not in [one.name for one in shm.outstanding()]
    finally:
        shm.holding.grace = 30
    assert isinstance(pickle.loads(data).error, shm.NotFound)


def test_without_a_receipt_it_lingers_as_long_as_asked() -> None:
    data = bytes(ForkingPickler.dumps(shm.zeros(2, backend="memfd")))
    assert any(not one.received for one in shm.outstanding())
    shm.holding.linger = -1
    try:
        assert all(one.received for one in shm.outstanding())
    finally:
        shm.holding.linger = None
    assert isinstance(pickle.loads(data).error, shm.Error)


def test_a_payload_is_small_and_names_no_descriptor_of_the_reader() -> None:
    assert len(ForkingPickler.dumps(shm.zeros((1000, 1000), backend="memfd"))) < 4096


def test_mmap_is_for_forked_processes(run: Callable[..., str]) -> None:
    code = """if True:
        import multiprocessing as mp, sys, shmarray as shm
        def use(a, q): q.put(float(a.array.sum()))
        if __name__ == "__main__":
            a = shm.full(3, 2.0, backend="mmap")
            with mp.get_context("fork").Pool(1) as pool:
                print(pool.apply(float, (a.part[1].array,)))
            q = mp.get_context("fork").SimpleQueue()
            p = mp.get_context("fork").Process(target=use, args=(a, q))
            p.start(); print(q.get()); p.join()
            try:
                mp.get_context("spawn").Process(target=use, args=(a, None)).start()
            except shm.BackendCannot as error:
                print("shm or memfd" in str(error))
    """
    assert run(code).split() == ["2.0", "6.0", "True"]


@pytest.mark.parametrize("garbage", [b"", b"shm", b"x" * 100])
def test_garbage_is_an_error_when_it_is_used(garbage: bytes) -> None:
    from shmarray import _pickling

    array = _pickling.rebuild(garbage, False, (garbage, 9**9, 0))
    with pytest.raises(shm.Error):
        array.array
