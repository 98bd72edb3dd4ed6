"""The native API in one process."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shmarray as shm

BACKENDS = ["shm", "memfd", "mmap"]
STRUCTURE = np.dtype([("t", "M8[ms]"), ("xyz", "f4", (3,))])
PADDED = np.dtype([("small", "u1"), ("large", "f8")], align=True)
DTYPES: list[Any] = [
    "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "S5",
    "M8[ns]", "M8[D]", "m8[s]", STRUCTURE, PADDED,
]  # fmt: skip


def same_memory(x: Any, y: Any) -> bool:
    return bool(np.shares_memory(x, y))


@pytest.mark.parametrize("backend", BACKENDS)
def test_views_are_of_the_shared_memory(backend: str) -> None:
    a = shm.zeros((4, 6), np.float32, backend=backend)
    a[1, :] = 1
    a[2:4, 0] = [5, 6]
    view = np.asarray(a)
    assert view.tolist() == a.array.tolist() == np.array(a).tolist()
    assert same_memory(view, a.array) and not same_memory(np.array(a), view)
    assert (a.backend, a.shape, a.dtype, a.ndim) == (backend, (4, 6), np.dtype("f4"), 2)
    assert (a.size, a.nbytes, a.itemsize, a.strides, a.order) == (24, 96, 4, (24, 4), "C")
    assert len(a) == 4 and [row.sum() for row in a] == [0, 6, 5, 6] and 5 in a
    assert (a == view).all() and not (a != a).any()
    assert memoryview(a).format == "f" and memoryview(a).shape == (4, 6)
    assert bytes(a) == view.tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes_go_both_ways_without_a_copy(dtype: Any) -> None:
    source = np.zeros((2, 3), dtype)
    source[1] = np.frombuffer(bytes(range(1, 1 + source.itemsize)), "u1").view(dtype)[0]
    a = shm.array(source)
    assert a.dtype == np.dtype(dtype)
    for view in (np.asarray(a), a.array):
        assert view.dtype == source.dtype and (view == source).all()
        assert same_memory(view, a.array)
    backwards = a.part[::-1, 1:]
    assert (np.asarray(backwards) == source[::-1, 1:]).all()
    assert same_memory(np.asarray(backwards), a.array)
    element = shm.full((3,), source[1, 0], dtype)
    assert (element.array == source[1, 0]).all()
    if source.dtype.fields is None:
        assert np.asarray(memoryview(a.__array_interface__["data"])).size == source.nbytes


@pytest.mark.parametrize("dtype", [object, ("f4", (2,)), ">f4"], ids=str)
def test_dtypes_that_cannot_be_shared_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError) as caught:
        shm.zeros(3, dtype)
    assert isinstance(caught.value, shm.InvalidDType) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), 5], ids=str)
def test_shapes(shape: Any) -> None:
    a = shm.zeros(shape, np.int16)
    expected = np.zeros(shape, np.int16)
    for view in (np.asarray(a), a.array, np.asarray(memoryview(a))):
        assert view.shape == expected.shape == a.shape and view.dtype == expected.dtype
    assert shm.array(expected).array.shape == expected.shape
    with pytest.raises(ValueError):
        shm.zeros((2, -1))


def test_fortran_order() -> None:
    source = np.arange(24).reshape(2, 3, 4)
    a = shm.array(source, order="F")
    assert a.order == "F" and a.strides == np.asfortranarray(source).strides
    assert (a.array == source).all() and np.asarray(a).flags.f_contiguous
    assert memoryview(a).f_contiguous and not memoryview(a).c_contiguous


def test_conversions() -> None:
    a = shm.array([1.5, 2.5])
    assert a.__array__(np.float32).dtype == np.float32
    assert np.array(a, copy=True).base is None
    with pytest.raises(ValueError):
        np.asarray(a, dtype=np.int8, copy=False)
    assert np.from_dlpack(a).tolist() == [1.5, 2.5] and same_memory(np.from_dlpack(a), a.array)
    assert np.add(a, 1).tolist() == [2.5, 3.5]
    assert shm.full((2, 2), 7).dtype == np.array(7).dtype
    assert shm.full((2, 2), [1, 2]).array.tolist() == [[1, 2], [1, 2]]
    like = shm.empty_like(np.zeros((2, 3), "f2"))
    assert (like.shape, like.dtype) == ((2, 3), np.dtype("f2"))
    assert shm.empty_like(a, "i4").dtype == np.int32


@pytest.mark.parametrize(
    "index",
    [
        np.s_[2:8, ::2], np.s_[1], np.s_[-1, 3], np.s_[..., 0], np.s_[::-1], np.s_[7:2:-2, ::-3],
        np.s_[None, 3:3], np.s_[:, None, 1:], np.s_[5:1], np.s_[-3:], np.s_[...],
    ],
    ids=str,
)  # fmt: skip
def test_parts_are_what_numpy_says(index: Any) -> None:
    source = np.arange(120).reshape(10, 12)
    a = shm.array(source)
    part = a.part[index]
    assert part.shape == source[index].shape and (part.array == source[index]).all()
    assert (np.asarray(part) == source[index]).all()
    again = pickle.loads(pickle.dumps(part))
    assert (again.array == source[index]).all()
    if part.size:
        assert same_memory(part.array, a.array) and same_memory(again.array, a.array)


def test_parts_that_are_none() -> None:
    a = shm.zeros((3, 4))
    no_parts: list[Any] = [[0, 1], np.array([True, False, True]), True, 1.0]
    for index in no_parts:
        with pytest.raises(TypeError):
            a.part[index]
    outside: list[Any] = [np.s_[0, 0, 0], np.s_[..., ...], 3]
    for index in outside:
        with pytest.raises(IndexError):
            a.part[index]
    assert a.reshape(2, -1).shape == (2, 6) and a.reshape((12,)).shape == (12,)
    with pytest.raises(shm.ReshapeMismatch):
        a.reshape(5)


def test_by_name() -> None:
    a = shm.array(np.arange(6), backend="shm")
    b = shm.attach(a.name, shape=6, dtype=int)
    b[0] = 9
    assert a[0] == 9
    reader = shm.attach(a.name, readonly=True)
    assert reader.readonly
    for view in (np.asarray(reader), reader.array):
        with pytest.raises(ValueError):
            view.flags.writeable = True
    with pytest.raises(shm.ShapeMismatch):
        shm.attach(a.name, shape=7)
    with pytest.raises(shm.DTypeMismatch):
        shm.attach(a.name, dtype="f4")
    with pytest.raises(FileExistsError) as taken:
        shm.zeros(1, name=a.name, backend="shm")
    assert isinstance(taken.value, shm.AlreadyExists)
    assert a.name in [one.name for one in shm.ls()]
    replaced = shm.zeros(1, name=a.name, backend="shm", force=True)
    assert shm.attach(a.name).shape == (1,) and a.shape == (6,)
    assert shm.delete(replaced.name)
    with pytest.raises(FileNotFoundError):
        shm.attach(a.name)


def test_files(tmp_path: Path) -> None:
    source = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", source)
    np.savez(tmp_path / "b.npz", inner=source)
    a = shm.load(tmp_path / "a.npy", name=shm.unique_name("loaded"), backend="shm", attach=True)
    again = shm.load(tmp_path / "a.npy", name=a.name, backend="shm", attach=True)
    again[0, 0] = 77
    assert a[0, 0] == 77
    assert (shm.load(tmp_path / "b.npz", member="inner").array == source).all()
    assert shm.load(tmp_path / "a.npy", guarded=True).guarded
    a.part[:, 1:].save(tmp_path / "c.npy")
    assert (np.load(tmp_path / "c.npy") == source[:, 1:]).all()


def test_frozen() -> None:
    a = shm.array([1, 2, 3], backend="memfd")
    view = a.array
    with pytest.raises(shm.StillWritable):
        a.freeze()
    assert a[0] == 1  # it is what it was
    del view
    frozen = a.freeze()
    assert a.closed and frozen.frozen and frozen.readonly
    for view in (frozen.array, np.asarray(frozen), frozen[1:]):
        with pytest.raises(ValueError):
            view.flags.writeable = True
    with pytest.raises(ValueError):
        frozen[0] = 1
    with pytest.raises(BufferError):
        frozen.__dlpack__()
    with pytest.raises(shm.BackendCannot):
        shm.zeros(1, backend="shm").freeze()


def test_guards() -> None:
    a = shm.zeros((3, 4), guarded=True)
    for use in (lambda: a[0], lambda: a.array, lambda: np.asarray(a), lambda: memoryview(a)):
        with pytest.raises((shm.GuardMismatch, TypeError, BufferError)) as caught:
            use()
        assert "guarded" in str(caught.value)
    with a.write() as x:
        x += 1
        kept = x
    for guard in (a.read(), a.write()):
        with guard as x:
            assert x.sum() == 12
    assert not kept.flags.writeable
    with pytest.raises(ValueError):
        kept.flags.writeable = True
    with a.read() as x, pytest.raises(ValueError):
        x[0] = 1
    with a.read() as x, a.read() as y:
        assert same_memory(x, y)
        with pytest.raises(TimeoutError), a.write(timeout=0):
            pass


def test_an_exception_in_a_guard_poisons() -> None:
    a = shm.zeros(3, guarded=True)
    with pytest.raises(KeyError), a.write() as x:
        x[0] = 1
        raise KeyError
    assert a.poisoned
    with pytest.raises(shm.Poisoned) as caught, a.read():
        pass
    assert isinstance(caught.value, RuntimeError)
    with a.write(poisoned=True) as x:
        x[:] = 2
    with a.read() as x:
        assert x.tolist() == [2, 2, 2]


def test_chunks() -> None:
    a = shm.zeros((10, 2), guarded=True)
    for chunk in a.chunks(4):
        with chunk as rows:
            rows[...] = chunk.index
            kept = rows
        assert not kept.flags.writeable
    with a.read() as x:
        assert x[:, 0].tolist() == [0] * 4 + [1] * 4 + [2] * 2
    assert list(a.chunks(4)) == []

    with pytest.raises(ZeroDivisionError):
        for chunk in a.chunks(5, round=1):
            with chunk:
                1 / 0
    chunks = a.chunks(5, round=1)
    next(chunks)
    with pytest.raises(RuntimeError, match="not done"):
        next(chunks)
    seen = {}
    for chunk in chunks:
        seen[chunk.range.start, chunk.range.stop] = chunk.is_retry
        chunk.array[...] = 3
        chunk.done()
    assert seen == {(0, 5): True, (5, 10): True}
    assert (chunks.done, chunks.total) == (2, 2)
    columns = []
    for chunk in a.chunks(1, axis=-1, round=2):
        columns.append(chunk.range)
        chunk.done()
    assert columns == [slice(0, 1), slice(1, 2)]


def test_barrier_and_progress() -> None:
    a = shm.zeros(3)
    with a.barrier(1) as b:
        assert b.wait() and b.size == 1
    with pytest.raises(RuntimeError):
        b.wait()
    with a.barrier(2, timeout=0.01) as b, pytest.raises(TimeoutError):
        b.wait()
    assert a.progress.value == 0 and a.progress.add(3) == 0
    assert list(shm.progress(a)) == [3]
    with pytest.raises(shm.TimedOut):
        a.progress.wait_past(3, timeout=0)
    with pytest.raises(ValueError):
        a.progress.wait_past(3, timeout=float("nan"))


def test_manager() -> None:
    with shm.Manager(backend="shm") as manager:
        a = manager.zeros(4)
        b = manager.full(2, 1, "i2")
        c = manager.keep(shm.array([1, 2], backend="memfd"))
        manager.keep_name(shm.unique_name("nobody"))
        assert len(manager) == 4
        assert shm.attach(a.name).shape == (4,)
    for gone in (a, b):
        with pytest.raises(FileNotFoundError):
            shm.attach(gone.name)
    assert a[0] == 0 and c[1] == 2


def test_closed_and_copied() -> None:
    with shm.zeros(3) as a:
        view = a.array
        twin = copy.copy(a)
    assert a.closed and repr(a) == "<shmarray.Array, closed>"
    for use in (lambda: a.shape, lambda: a.array, lambda: a[0], lambda: pickle.dumps(a)):
        with pytest.raises(ValueError, match="closed"):
            use()
    a.close()
    view[0] = 4
    assert twin[0] == 4
    with pytest.raises(TypeError):
        copy.deepcopy(twin)
    with pytest.raises(TypeError):
        hash(twin)


def test_shown() -> None:
    a = shm.zeros((2, 3), "f4", guarded=True, backend="memfd")
    assert repr(a) == f"<shmarray.Array {a.name!r}, on memfd, float32 (2, 3), guarded>"
    assert "<td>24 bytes</td>" in a._repr_html_()
    chosen = shm.select(1 << 20, workers="spawn")
    assert chosen.backend in ("shm", "memfd") and "taken" in str(chosen)
    assert shm.zeros(1).selection


def test_options_that_are_none() -> None:
    with pytest.raises(TypeError, match="wrong"):
        shm.zeros(1, wrong=1)  # type: ignore[call-arg]
    for options in ({"order": "K"}, {"cleanup": "never"}, {"pages": "big"}, {"commit": "no"}):
        with pytest.raises(ValueError, match="valid are"):
            shm.zeros(1, **options)  # type: ignore[arg-type]
    with pytest.raises(shm.UnknownBackend):
        shm.zeros(1, backend="xyz")
    with pytest.raises(shm.InvalidName):
        shm.zeros(1, name="a/b")
    shm.set_backend("memfd")
    try:
        assert shm.zeros(1).backend == "memfd"
    finally:
        shm.set_backend(None)


def test_every_kind_of_error_has_a_class() -> None:
    text = (Path(__file__).parents[2] / "shm-core/src/error/kind.rs").read_text()
    body = text[text.index("pub enum ErrorKind") :]
    kinds = re.findall(r"^    (\w+) \{$", body[: body.index("\n}\n")], re.MULTILINE)
    assert len(kinds) > 40
    for kind in kinds:
        made = getattr(shm, kind)("text", slot=3)
        assert isinstance(made, shm.Error) and str(made) == "text" and made.facts == {"slot": 3}
        again = pickle.loads(pickle.dumps(made))
        assert (type(again), str(again), again.slot) == (type(made), "text", 3)
        builtin = [base for base in type(made).__mro__[2:] if base is not Exception][0]
        assert issubclass(builtin, Exception), "it has a built-in base"


def test_no_space_is_memory_and_system() -> None:
    with pytest.raises(MemoryError) as caught:
        shm.zeros(1 << 50, "u1", backend="shm")
    assert isinstance(caught.value, shm.NoSpace) and isinstance(caught.value, OSError)
    assert caught.value.errno == 28 and caught.value.needs >= 1 << 50


def test_raw_blocks_and_the_standard_library() -> None:
    from multiprocessing import resource_tracker, shared_memory

    from shmarray import raw

    name = shm.unique_name("raw")
    block = raw.create(name, 100)
    view = np.frombuffer(memoryview(block.memory), np.uint8)
    theirs = shared_memory.SharedMemory(name)
    assert theirs.buf is not None
    theirs.buf[5] = 7
    assert view[5] == 7 and view.size == 100 and raw.attach(name).size == 100
    theirs.close()
    resource_tracker.unregister("/" + name, "shared_memory")
    readonly = np.frombuffer(memoryview(raw.attach(name, readonly=True).memory), np.uint8)
    with pytest.raises(ValueError):
        readonly.flags.writeable = True
    block.unlink()
    del block
    view[6] = 8
    with pytest.raises(FileNotFoundError):
        raw.attach(name)


def test_events_are_log_records(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "shmarray"):
        a = shm.zeros(3, backend="shm")
        name = a.name
        a.close()
    text = caplog.text
    assert "created on shm" in text and name in text and "name removed" in text
    caplog.clear()
    shm.zeros(3, backend="shm").close()
    assert "created" not in caplog.text
