"""Arrays that are freed together."""

from __future__ import annotations

import os
from typing import Any, Unpack

from . import _make
from ._array import Array
from ._make import Options, Shape


class Manager:
    """Makes arrays and keeps them until the `with` block ends, or `clear` is called: then their names go.

    A forked child that inherits it frees what it has made itself, and nothing of its parent's.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        self._options = options
        self._kept: list[tuple[int, Array | str]] = []

    def zeros(self, shape: Shape, dtype: Any = float, **options: Unpack[Options]) -> Array:
        """As `shmarray.zeros`."""
        return self.keep(_make.zeros(shape, dtype, **(self._options | options)))

    def full(
        self, shape: Shape, value: Any, dtype: Any = None, **options: Unpack[Options]
    ) -> Array:
        """As `shmarray.full`."""
        return self.keep(_make.full(shape, value, dtype, **(self._options | options)))

    def array(self, x: Any, dtype: Any = None, **options: Unpack[Options]) -> Array:
        """As `shmarray.array`."""
        return self.keep(_make.array(x, dtype, **(self._options | options)))

    def load(self, path: str | os.PathLike[str], **options: Unpack[Options]) -> Array:
        """As `shmarray.load`."""
        return self.keep(_make.load(path, **(self._options | options)))

    def keep(self, array: Array) -> Array:
        """Keeps an array, however it was made, and gives it back."""
        self._kept.append((os.getpid(), Array(array)))
        return array

    def keep_name(self, name: str) -> None:
        """Keeps a name: whatever bears it in the end is deleted; nothing is fine."""
        self._kept.append((os.getpid(), name))

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Frees all. What fails is kept, and raised when all have been tried."""
        kept, self._kept = self._kept, []
        failures = []
        for pid, item in kept:
            if pid != os.getpid():
                continue
            try:
                if isinstance(item, str):
                    _make.delete(item)
                else:
                    item.destroy()
                    item.close()
            except Exception as error:
                self._kept.append((pid, item))
                failures.append(error)
        if failures:
            raise ExceptionGroup(f"{len(failures)} of {len(kept)} arrays are not freed", failures)

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
