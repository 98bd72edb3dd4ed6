"""The array: a handle on shared memory, which NumPy sees without a copy."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _errors, _native
from ._dtypes import dtype_of

if TYPE_CHECKING:
    from ._guards import Read, Write
    from ._work import Barrier, Chunks, Progress

#: Its elements are NumPy's, of whatever dtype.
View = np.ndarray[Any, np.dtype[Any]]


def view_of(memory: _native.Memory, shape: tuple[int, ...], dtype: np.dtype[Any]) -> View:
    """A NumPy array of the memory, which it keeps mapped."""
    buffer: Any = memory  # NumPy's stubs know those of the standard library only
    return np.ndarray(shape, dtype, buffer, memory.offset, memory.strides)


class Array(_native.Handle):
    """An array that processes share.

    It is made by `zeros`, `full`, `array`, `empty_like`, `load`, found by `attach`, and travels to other
    processes by pickling. `a[...]`, `a.array` and `np.asarray(a)` are NumPy views of the shared memory, and
    keep it mapped, whatever becomes of this handle. Other processes may write at any time: who writes
    what and when is the program's to arrange, or that of guards (`guarded=True`).
    """

    __slots__ = ("__weakref__", "_view")

    def __init__(self, handle: _native.Handle) -> None:
        self._view: View | None = None

    # What it is.

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its elements."""
        return dtype_of(self.descr)

    @property
    def part(self) -> Part:
        """`a.part[2:8, ::2]` is a handle on a part: the same memory, and it pickles as that part."""
        return Part(self)

    def reshape(self, *shape: Any) -> Array:
        """A handle on the same elements in another shape; at most one length is -1."""
        wanted = shape[0] if len(shape) == 1 and not hasattr(shape[0], "__index__") else shape
        lens = [operator.index(length) for length in wanted]
        if lens.count(-1) == 1:
            rest = int(np.prod([length for length in lens if length != -1], dtype=np.int64))
            lens[lens.index(-1)] = self.size // rest if rest else 0
        if any(length < 0 for length in lens):
            raise ValueError(f"lengths cannot be negative: {tuple(lens)}")
        return Array(self.reshaped(lens))

    # Its elements.

    @property
    def array(self) -> View:
        """A NumPy view of the elements. It keeps the memory, also when this handle is closed."""
        if self._view is None:
            self._check_open()
            self._view = view_of(self.memory(), self.shape, self.dtype)
        return self._view[...]

    def _check_open(self) -> None:
        if self.guarded and not self.frozen:
            raise _errors.GuardMismatch(
                f"array {self.name!r} is guarded: take `with a.read() as x` to read, "
                "`with a.write() as x` to write, or `for chunk in a.chunks(rows)` to share the work"
            )

    def __getitem__(self, index: Any) -> Any:
        return self.array[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.array[index] = value

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without dimensions")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.array)

    def __contains__(self, value: object) -> bool:
        return value in self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> View:
        view = self.array
        if dtype is not None and np.dtype(dtype) != view.dtype:
            if copy is False:
                raise ValueError(f"{view.dtype} cannot be seen as {np.dtype(dtype)} without a copy")
            return view.astype(dtype)
        return view.copy() if copy else view

    @property
    def __array_interface__(self) -> dict[str, Any]:
        view = self.array
        if view.dtype.fields is not None:
            # The interface loses padding: NumPy asks `__array__` instead.
            raise AttributeError("structures have no array interface")
        memory = self.memory()
        interface: dict[str, Any] = dict(view.__array_interface__)
        # The memory itself in place of its address: so whoever uses it keeps it.
        interface.update(data=memory, offset=memory.offset, strides=memory.strides)
        return interface

    def __dlpack__(self, **options: Any) -> Any:
        return self._dlpack_view(options).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the memory of the processor

    def _dlpack_view(self, options: dict[str, Any]) -> View:
        view = self.array
        version = options.get("max_version")
        if not view.flags.writeable and (version is None or version[0] < 1):
            raise BufferError("a read-only array is given to consumers of DLPack 1 only, which see the flag")
        return view

    def __eq__(self, other: object) -> Any:
        return self.array == (other.array if isinstance(other, Array) else other)

    def __ne__(self, other: object) -> Any:
        return self.array != (other.array if isinstance(other, Array) else other)

    __hash__ = None  # type: ignore[assignment]

    # Shared work.

    def read(self, timeout: float | None = None, *, poisoned: bool = False) -> Read:
        """`with a.read() as x`: the elements of a guarded array, which nobody writes meanwhile."""
        from ._guards import Read

        return Read(self, timeout, poisoned)

    def write(self, timeout: float | None = None, *, poisoned: bool = False) -> Write:
        """`with a.write() as x`: the elements of a guarded array, which nobody else uses meanwhile.

        If the block raises, the array is poisoned. `poisoned=True` takes it all the same, and mends it if
        the block ends well.
        """
        from ._guards import Write

        return Write(self, timeout, poisoned)

    def chunks(
        self, rows: int, *, axis: int = 0, round: int = 0, timeout: float | None = None
    ) -> Chunks:
        """A guarded array in chunks of so many rows, each of which goes to one worker."""
        from ._work import Chunks

        return Chunks(self, rows, axis, round, timeout)

    def barrier(self, size: int, timeout: float | None = None) -> Barrier:
        """`with a.barrier(4) as b: b.wait()`: a seat at the array's barrier, for so many participants."""
        from ._work import Barrier

        return Barrier(self, size, timeout)

    @property
    def progress(self) -> Progress:
        """The array's progress counter."""
        from ._work import Progress

        return Progress(self)

    # From making to removing.

    def save(self, path: str | PathLike[str]) -> None:
        """Writes it to a `.npy` file, which appears in one step; a guarded array under its lock."""
        _native.Handle.save(self, path)

    def freeze(self) -> Array:
        """The same array, which nobody can write any more, in any process; this handle is closed.

        Backend `memfd` only, and nobody may map it writable: no NumPy view in this process either.
        """
        self._view = None
        return Array(self.frozen_handle())

    def close(self) -> None:
        """Gives the handle up. NumPy views of it live on, and keep the memory."""
        self._view = None
        _native.Handle.close(self)

    def __enter__(self) -> Array:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What it looks like.

    def __repr__(self) -> str:
        if self.closed:
            return "<shmarray.Array, closed>"
        if self.error is not None:
            return f"<shmarray.Array that could not be attached: {self.error}>"
        return f"<shmarray.Array {self._about()}>"

    def _about(self) -> str:
        said = [repr(self.name), f"on {self.backend}", f"{self.dtype} {self.shape}"]
        said += [word for word in ("guarded", "frozen") if getattr(self, word)]
        if self.readonly and not self.frozen:
            said.append("read-only")
        return ", ".join(said)

    def _repr_html_(self) -> str:
        if self.closed or self.error is not None:
            return f"<code>{escape(repr(self))}</code>"
        rows = {
            "name": self.name,
            "backend": self.backend,
            "dtype": self.dtype,
            "shape": self.shape,
            "size": f"{self.nbytes:,} bytes",
            "access": "frozen" if self.frozen else "read-only" if self.readonly else "read and write",
            "guarded": "yes" if self.guarded else "no",
        }
        cells = "".join(
            f"<tr><th>{key}</th><td>{escape(str(value))}</td></tr>" for key, value in rows.items()
        )
        return f"<table>{cells}</table>"

    # Its way to other processes.

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        from . import _pickling

        return _pickling.reduce(self)

    def __copy__(self) -> Array:
        return Array(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise TypeError("a shared array is not copied deeply: say `np.array(a)` or `shmarray.array(a)`")


class Part:
    """What `a.part[...]` is made by."""

    __slots__ = ("_of",)

    def __init__(self, of: Array) -> None:
        self._of = of

    def __getitem__(self, index: Any) -> Array:
        return Array(self._of.slice(_axes(index, self._of.shape)))


def _axes(index: Any, shape: tuple[int, ...]) -> list[Any]:
    """For each axis an index, a slice as the library takes it, or None for a new axis."""
    items = list(index) if isinstance(index, tuple) else [index]
    ellipses = [at for at, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    given = sum(item is not None and item is not Ellipsis for item in items)
    if given > len(shape):
        raise IndexError(f"too many indices: the array has {len(shape)} axes, {given} were indexed")
    rest = [slice(None)] * (len(shape) - given)
    at = ellipses[0] if ellipses else len(items)
    items[at : at + 1] = rest
    lens = iter(shape)
    return [None if item is None else _axis(item, next(lens)) for item in items]


def _axis(item: Any, length: int) -> Any:
    if isinstance(item, (bool, np.bool_)):
        raise TypeError("a part is a range of each axis: masks choose copies, take a[...] for them")
    if not isinstance(item, slice):
        try:
            return operator.index(item)
        except TypeError:
            text = "a part is a range of each axis: lists choose copies, take a[...] for them"
            raise TypeError(text) from None
    places = range(*item.indices(length))
    if not places:
        return (0, 0, 1)
    ends = sorted((places[0], places[-1]))
    # The library counts a negative step from the end of the range.
    return (ends[0], ends[1] + 1, places.step)
