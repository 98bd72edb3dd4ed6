"""The arrays that this process has: one that comes back to it in a pickle is not attached anew."""

from __future__ import annotations

from weakref import WeakValueDictionary

from ._array import Array

#: By segment, and whether it is for reading only.
_arrays: WeakValueDictionary[tuple[bytes, bool], Array] = WeakValueDictionary()


def remember(array: Array) -> None:
    """This process has it now."""
    _arrays[array.uuid, array.readonly] = array


def find(uuid: bytes, readonly: bool) -> Array | None:
    """The array of that segment, if this process has it."""
    array = _arrays.get((uuid, readonly))
    return None if array is None or array.closed else array


def close_all() -> None:
    """At the end of a child of `multiprocessing`, whose globals Python does not drop."""
    for array in list(_arrays.values()):
        array.close()
