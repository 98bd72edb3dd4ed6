"""Making arrays, finding them, and removing their names."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from os import PathLike, fspath
from typing import Any, NamedTuple, SupportsIndex, TypedDict, Unpack

import numpy as np

from . import _errors, _known, _native
from ._array import Array
from ._dtypes import descr_of, dtype_of

Shape = SupportsIndex | Iterable[SupportsIndex]


class Options(TypedDict, total=False):
    """The options of a new array.

    `name`: by which others attach; a unique one if not said (`prefix` begins it). `backend`: "shm", "mmap",
    "memfd", "auto". `workers`: how those start that are to share it ("fork", "spawn", "forkserver").
    `order`: "C", "F". `guarded`: reached through guards and chunks only. `pages`: "auto", "huge".
    `commit`: "auto", "lazy", "reserve", "populate". `cleanup`: "last-out", "owner", "persist".
    `align`: bytes of a page. `force`: replaces an array of the same name.
    """

    name: str | None
    prefix: str | None
    backend: str | None
    workers: str | None
    order: str
    guarded: bool
    pages: str | None
    commit: str | None
    cleanup: str | None
    align: int | None
    force: bool


def _all(options: Options) -> dict[str, Any]:
    """The options, each with what it is if it is not said."""
    everything: dict[str, Any] = dict(
        name=None, prefix=None, backend=None, workers=None, order="C", guarded=False, pages=None,
        commit=None, cleanup=None, align=None, force=False,
    )  # fmt: skip
    unknown = options.keys() - everything.keys()
    if unknown:
        raise TypeError(f"unknown options: {', '.join(sorted(unknown))}")
    everything.update(options)
    return everything


def _shape(shape: Any) -> list[int]:
    lens = [shape] if hasattr(shape, "__index__") else list(shape)
    lens = [operator.index(length) for length in lens]
    if any(length < 0 for length in lens):
        raise ValueError(f"lengths cannot be negative: {tuple(lens)}")
    return lens


def _made(handle: _native.Handle) -> Array:
    """The array, which this process has from now on."""
    made = Array(handle)
    _known.remember(made)
    return made


def zeros(shape: Shape, dtype: Any = float, **options: Unpack[Options]) -> Array:
    """A new array of zeros."""
    return _made(_native.create(_shape(shape), descr_of(dtype), _all(options), None))


def full(shape: Shape, value: Any, dtype: Any = None, **options: Unpack[Options]) -> Array:
    """A new array in which each element is `value`; its dtype is that of the value, if not said."""
    lens = _shape(shape)
    element = np.asarray(value, dtype)
    if element.ndim:
        made = np.broadcast_to(element, lens)
        return array(made, **options)
    descr = descr_of(element.dtype)
    return _made(_native.create(lens, descr, _all(options), element.tobytes()))


def array(x: Any, dtype: Any = None, **options: Unpack[Options]) -> Array:
    """A new array with the elements of `x`: a NumPy array, or what NumPy makes one of.

    Its order is C, unless `order` says otherwise.
    """
    said = _all(options)
    source = np.asarray(x, dtype)
    descr = descr_of(source.dtype)
    # Of the text and not of the source: structures lose their overlaps and titles.
    source = np.asarray(source, dtype_of(descr), order="F" if said["order"] == "F" else "C")
    shape = list(source.shape)
    if source.nbytes == 0:
        return _made(_native.create(shape, descr, said, None))
    lying = source.T if said["order"] == "F" else source
    return _made(_native.create(shape, descr, said, lying.reshape(-1).view(np.uint8)))


def empty_like(x: Any, dtype: Any = None, **options: Unpack[Options]) -> Array:
    """A new array of zeros, with the shape and the dtype of `x`."""
    like = x if isinstance(x, (Array, np.ndarray)) else np.asarray(x)
    return zeros(like.shape, like.dtype if dtype is None else dtype, **options)


def load(
    path: str | PathLike[str],
    *,
    member: str | None = None,
    attach: bool = False,
    **options: Unpack[Options],
) -> Array:
    """A new array from a `.npy` file, or from a member of an `.npz` archive, straight into shared memory.

    With `attach=True` and a name, the array of that name if there is one, which must have the file's shape
    and dtype.
    """
    said = _all(options)
    if said["guarded"]:
        if attach or member is not None:
            raise ValueError("guarded=True goes with neither attach nor member")
        return array(np.load(path, mmap_mode="r"), **options)
    return _made(_native.load(fspath(path), member, said, attach)[0])


def attach(
    name: str,
    *,
    shape: Shape | None = None,
    dtype: Any = None,
    readonly: bool = False,
) -> Array:
    """The array of that name: one of this process (`mmap`), or of the machine (`shm`).

    `shape` and `dtype` are what the caller expects; another is an error.
    """
    found = _made(_native.attach(name, readonly))
    if shape is not None and tuple(_shape(shape)) != found.shape:
        expected, has = _shape(shape), list(found.shape)
        text = f"shape mismatch: expected {expected}, the array has {has}"
        raise _errors.ShapeMismatch(text)
    if dtype is not None and np.dtype(dtype) != found.dtype:
        expected_dtype = descr_of(dtype)
        text = f"dtype mismatch: expected {expected_dtype}, the array has {found.descr}"
        raise _errors.DTypeMismatch(text)
    return found


def delete(name: str) -> bool:
    """Removes a name of the machine (`shm`); those attached keep their memory. True if it is free now."""
    return _native.delete(name)


class Removed(NamedTuple):
    """What `gc` removed: the entry of `/dev/shm`, and its size."""

    name: str
    nbytes: int


def gc() -> list[Removed]:
    """Removes the arrays that killed processes left. What anybody is attached to stays."""
    return [Removed(*removed) for removed in _native.gc()]


class Listed(NamedTuple):
    """An array of this machine, as it is seen from outside."""

    name: str
    backend: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    nbytes: int
    guarded: bool
    frozen: bool
    place: str
    in_use: bool | None


def ls() -> list[Listed]:
    """The arrays of this machine that this user may look at, by name: attaches to none."""
    return [Listed(dtype=dtype_of(about.pop("descr")), **about) for about in _native.ls()]


def unique_name(prefix: str = "array") -> str:
    """A name that nobody else has."""
    return _native.unique_name(prefix)


def set_backend(name: str | None) -> None:
    """The backend of this process's arrays that do not name one; None or "auto" leaves it to the library."""
    _native.set_backend(name)


class Selection(NamedTuple):
    """Which backend, and why: `str()` of it is the explanation."""

    backend: str
    explanation: str

    def __str__(self) -> str:
        return self.explanation


def select(
    nbytes: int | None = None,
    *,
    workers: str | None = None,
    backend: str | None = None,
    named: bool = False,
) -> Selection:
    """Which backend an array of so many bytes would get, and why; `named`: others are to find it by its name."""
    return Selection(*_native.select(nbytes, workers, backend, named))
