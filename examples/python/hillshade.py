"""The hillshade of Horn (1981), shaded by one worker per core: the main job of the README, in Python.

The workers share the heights and the result, chunk by chunk; a chunk whose worker is killed goes to another.
The result is that of the Rust program (`cargo run --example hillshade`), to the bit: the same operations of
IEEE 754 in the same order (examples/hillshade/horn.rs says which).
"""

from __future__ import annotations

import argparse
import math
import multiprocessing as mp
import os
import signal
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

import shmarray as shm

HEIGHTS = Path(__file__).parents[1] / "data" / "jacksboro_dem.npy"

#: Where the light stands, in degrees from north and above the horizon.
AZIMUTH, ALTITUDE = 315.0, 45.0

#: Width and height of a cell, in the unit of the heights.
DX, DY = 74.5, 92.5


def main() -> None:
    given = arguments()
    small = np.load(given.input).astype(np.float64)
    heights = shm.array(enlarge(small, given.scale), guarded=True, workers=given.start)
    shade = shm.zeros(heights.shape, np.float32, guarded=True, workers=given.start)
    rows = max(1, -(-len(heights) // (given.workers * 8)))
    orders = (heights, shade, rows, given.scale, given.kill_one)
    context: Any = mp.get_context(given.start)
    workers = [context.Process(target=work, args=orders) for _ in range(given.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    work(heights, shade, rows, given.scale)  # what is left, if all were killed
    with shade.read() as result:
        write_png(given.png, result)
    if given.output:
        shade.save(given.output)
    killed = sum(worker.exitcode != 0 for worker in workers)
    print(f"{given.png}: {shade.shape[0]} x {shade.shape[1]}, {given.workers} workers by {given.start}, "
          f"{killed} killed, on {shade.backend}")  # fmt: skip


def work(
    heights: shm.Array, shade: shm.Array, rows: int, scale: int, kill_one: bool = False
) -> None:
    """The life of a worker: chunk after chunk, until all are done."""
    chunks = shade.chunks(rows)
    with heights.read() as elevation:
        for chunk in chunks:
            with chunk as band:
                if kill_one and chunk.index == chunks.total // 2 and not chunk.is_retry:
                    band[...] = np.nan  # what is left of it is not what it shall be
                    os.kill(os.getpid(), signal.SIGKILL)
                band[...] = shaded(elevation, chunk.range, DX / scale, DY / scale)


def shaded(elevation: shm.View, rows: slice, dx: float, dy: float) -> shm.View:
    """These rows, shaded. Beyond the border of the elevation, the nearest cell is repeated."""
    last = len(elevation) - 1
    above_and_below = np.clip(np.arange(rows.start - 1, rows.stop + 1), 0, last)
    padded = np.pad(elevation[above_and_below], ((0, 0), (1, 1)), mode="edge")
    (a, b, c), (d, f), (g, h, i) = (
        (padded[:-2, :-2], padded[:-2, 1:-1], padded[:-2, 2:]),
        (padded[1:-1, :-2], padded[1:-1, 2:]),
        (padded[2:, :-2], padded[2:, 1:-1], padded[2:, 2:]),
    )
    zenith = math.radians(90.0 - ALTITUDE)
    azimuth = math.radians((360.0 - AZIMUTH + 90.0) % 360.0)
    of_p, of_q = -math.sin(zenith) * math.cos(azimuth), math.sin(zenith) * math.sin(azimuth)
    p = 1.0 / (8.0 * dx) * ((c + 2.0 * f + i) - (a + 2.0 * d + g))
    q = 1.0 / (8.0 * dy) * ((g + 2.0 * h + i) - (a + 2.0 * b + c))
    lit = (math.cos(zenith) + of_p * p + of_q * q) / np.sqrt(1.0 + p * p + q * q)
    result: shm.View = np.where(lit > 0.0, 255.0 * lit, np.where(np.isnan(lit), np.nan, 0.0))
    return result.astype(np.float32)


def enlarge(small: shm.View, scale: int) -> shm.View:
    """Bilinear enlargement, to have a real load: centres of large cells among those of small ones."""

    def places(cells: int) -> tuple[shm.View, shm.View, shm.View]:
        place = (np.arange(cells * scale) + 0.5) * (cells / (cells * scale)) - 0.5
        place = np.clip(place, 0.0, cells - 1)
        low = place.astype(np.intp)
        return low, np.minimum(low + 1, cells - 1), place - low

    def blend(low: shm.View, high: shm.View, share: shm.View) -> shm.View:
        blended: shm.View = low + share * (high - low)
        return blended

    north, south, down = places(small.shape[0])
    west, east, right = places(small.shape[1])
    rows = blend(small[north], small[south], down[:, None])
    return blend(rows[:, west], rows[:, east], right)


def write_png(path: Path, values: shm.View) -> None:
    """Values of 0 to 255 as a picture, 8 bit grey, rounded half up; NaN is black."""
    greys = np.floor(np.nan_to_num(values.astype(np.float64)) + 0.5).clip(0, 255).astype(np.uint8)
    lines = np.pad(greys, ((0, 0), (1, 0))).tobytes()  # each begins with its filter: none

    def block(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    size = struct.pack(">IIBBBBB", greys.shape[1], greys.shape[0], 8, 0, 0, 0, 0)
    blocks = block(b"IHDR", size) + block(b"IDAT", zlib.compress(lines)) + block(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + blocks)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Shade a digital elevation model")
    parser.add_argument("--input", type=Path, default=HEIGHTS, help=".npy file")
    parser.add_argument("--scale", type=int, default=1, help="enlarge the input first")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--start", choices=mp.get_all_start_methods(), default=mp.get_start_method())
    parser.add_argument("--kill-one", action="store_true", help="kill a worker midway, by SIGKILL")
    parser.add_argument("--png", type=Path, default=Path("hillshade.png"))
    parser.add_argument("--output", type=Path, help="also write the result itself, as float32")
    return parser.parse_args()


if __name__ == "__main__":
    main()
