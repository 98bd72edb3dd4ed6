"""Guards: the elements of a guarded array, for as long as a block lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _native

if TYPE_CHECKING:
    from ._array import Array, View


class _Guard:
    """What a guard for reading and one for writing have in common."""

    __slots__ = ("_array", "_guard", "_memory", "_poisoned", "_timeout", "_view")

    _guard: _native.ReadGuard | _native.WriteGuard | None
    _memory: _native.Memory | None
    _view: View | None

    def __init__(self, array: Array, timeout: float | None, poisoned: bool) -> None:
        self._array, self._timeout, self._poisoned = array, timeout, poisoned
        self._guard = self._memory = self._view = None

    def _enter(self, guard: _native.ReadGuard | _native.WriteGuard) -> View:
        from ._array import view_of

        self._guard = guard
        try:
            self._memory = guard.memory()
            self._view = view_of(self._memory, self._array.shape, self._array.dtype)
        except BaseException:
            guard.release()
            raise
        return self._view

    def _leave(self) -> None:
        """What was given out is read-only from now on, as far as NumPy lets us."""
        if self._memory is not None:
            self._memory.seal()
        if self._view is not None:
            self._view.flags.writeable = False
        guard, self._guard, self._view, self._memory = self._guard, None, None, None
        if guard is not None:
            guard.release()


class Read(_Guard):
    """`with a.read() as x`: nobody writes meanwhile. Slices of `x` that are kept see what others write later."""

    __slots__ = ()

    def __enter__(self) -> View:
        if self._guard is not None:
            raise RuntimeError("this guard is in use: say a.read() again")
        return self._enter(_native.ReadGuard(self._array, self._timeout, self._poisoned))

    def __exit__(self, *_: object) -> None:
        self._leave()


class Write(_Guard):
    """`with a.write() as x`: nobody else uses it meanwhile.

    Afterwards `x` is read-only. A slice of it that is kept is not: to write to it then is to write without
    the lock, which counts as `unsafe`.
    """

    __slots__ = ()

    def __enter__(self) -> View:
        if self._guard is not None:
            raise RuntimeError("this guard is in use: say a.write() again")
        return self._enter(_native.WriteGuard(self._array, self._timeout, self._poisoned))

    def __exit__(self, kind: object, *_: object) -> None:
        guard = self._guard
        if isinstance(guard, _native.WriteGuard):
            if kind is not None:
                guard.set_poisoned(True)
            elif self._poisoned:
                guard.set_poisoned(False)
        self._leave()
