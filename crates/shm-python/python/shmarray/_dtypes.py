"""Dtypes in NumPy's words and in the library's: NumPy's `descr`, as text."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib import format as npy

from . import _errors


def descr_of(dtype: Any) -> str:
    """The text for a dtype, or for what NumPy makes one of."""
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        text = f"invalid dtype {str(dtype)!r}: Python objects cannot be shared between processes"
        raise _errors.InvalidDType(text)
    if dtype.subdtype is not None:
        text = f"invalid dtype {str(dtype)!r}: give the axes of {dtype.shape} to the shape instead"
        raise _errors.InvalidDType(text)
    return dtype.str if dtype.fields is None else str(npy.dtype_to_descr(dtype))


@lru_cache(maxsize=256)
def dtype_of(descr: str) -> np.dtype[Any]:
    """The dtype for a text."""
    if descr.startswith("["):
        return npy.descr_to_dtype(ast.literal_eval(descr))
    return np.dtype(descr)
