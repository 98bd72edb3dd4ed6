"""The examples, as somebody runs them."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
HILLSHADE = str(ROOT / "examples/python/hillshade.py")


def test_the_programs_of_the_document(run: Callable[..., str], tmp_path: Path) -> None:
    text = (ROOT / "docs/python.md").read_text()
    (first,) = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    program = tmp_path / "first.py"
    program.write_text(first)
    assert float(run(str(program))) == sqrt(999_999)


#: What `cargo run --example hillshade` gives for the relief of the repository: CRC-32 of the result's bytes.
EXPECTED = "ec830b36"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_hillshade_is_that_of_rust_to_the_bit(
    run: Callable[..., str], tmp_path: Path, method: str
) -> None:
    import zlib

    png, npy = str(tmp_path / "a.png"), str(tmp_path / "a.npy")
    said = run(HILLSHADE, "--start", method, "--kill-one", "--png", png, "--output", npy)
    assert "1 killed" in said
    result = np.load(npy)
    assert f"{zlib.crc32(result.tobytes()):08x}" == EXPECTED
    assert Path(png).read_bytes().startswith(b"\x89PNG")
