"""Raw segments: blocks of bytes in `/dev/shm` that other programs make or expect.

They say nothing about themselves, are not cleaned up, and any process of the user may shorten them.
"""

from __future__ import annotations

from . import _native

__all__ = ["Raw", "attach", "create"]


class Raw:
    """A block of bytes, for the buffer protocol: `memoryview(block.memory)`. The memory stays mapped while
    anything uses it, whatever becomes of this object."""

    __slots__ = ("_raw",)

    def __init__(self, raw: _native.Raw) -> None:
        self._raw = raw

    @property
    def name(self) -> str:
        """Its name, without a leading slash."""
        return self._raw.name

    @property
    def size(self) -> int:
        """Its size in bytes, when it was made or attached."""
        return self._raw.size

    @property
    def memory(self) -> _native.Memory:
        """Its bytes."""
        return self._raw.memory()

    def unlink(self) -> None:
        """Removes its name, if it still bears it."""
        self._raw.unlink()


def create(name: str, size: int, *, force: bool = False) -> Raw:
    """A new block of zeros. It stays until its name is removed."""
    return Raw(_native.Raw.create(name, size, force))


def attach(name: str, *, readonly: bool = False) -> Raw:
    """The block of that name, as long as it is now."""
    return Raw(_native.Raw.attach(name, readonly))
