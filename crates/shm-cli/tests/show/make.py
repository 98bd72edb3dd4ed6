"""Writes the arrays of this folder, and what NumPy prints for them."""
import pathlib

import numpy as np

here = pathlib.Path(__file__).parent
nan, inf = np.nan, np.inf
arrays, texts = {}, []


def case(name, array):
    arrays[name] = array
    texts.append(f"== {name}\n{str(array)}\n")


for t in "i1 i2 i4 i8 u1 u2 u4 u8".split():
    info = np.iinfo(t)
    case(t, np.array([[0, 1, info.max], [info.min, 5, 77]], t))
case("b1", np.array([[True, False], [False, True]]))
case("b1_all_true", np.ones(40, "b1"))
case("f2", np.array([0, 0.1, -1.5, 65504, 6e-8, nan, inf, -inf], "f2"))
case("f4", np.array([[0.1, 0.2, 1 / 3], [-1, 2.5, 100]], "f4"))
case("f4_large", np.array([1234567, 0.5], "f4"))
case("f8", np.linspace(-1, 1, 7).reshape(1, 7))
case("f8_mixed", np.array([1e-7, 1, 1e7, nan, -inf]))
case("f8_digits", np.array([0.1 + 0.2, 1 / 3, 2 / 3, 123.456, -0.0]))
case("f8_ratio", np.array([1.0, 1000.0, 1000.5]))
case("f8_extremes", np.array([5e-324, 1.7976931348623157e308, -2.2250738585072014e-308]))
case("f8_nan", np.array([nan, nan]))
case("f8_inf", np.array([[inf, 1], [2, -inf]]))
case("f8_exponents", np.array([1e100, 1e-5, 1]))
case("f4_subnormal", np.array([1e-45, 1, 1 / 3], "f4"))
case("c8", np.array([1 + 2j, -0.5 - 1j, 0], "c8"))
case("c16_nan_beside", np.array([1 + 1j, complex(2, nan)]))
case("c16", np.array([[1.5 - 2.25j, nan + 1j], [complex(0, inf), -3j]]))
case("S", np.array([b"abc", b"", b"it's", b'"\'', b"\x00\xff\n\\"], "S6"))
case("V", np.frombuffer(bytes(range(12)), "V3"))
case("empty", np.zeros((2, 0, 3)))
case("order_f", np.asfortranarray(np.arange(24).reshape(2, 3, 4)))
case("dims5", np.arange(32).reshape(2, 2, 2, 2, 2))
case("summary", np.arange(1001))
case("summary2", np.arange(10000.0).reshape(100, 100) / 7)
case("summary_f", np.asfortranarray(np.arange(5000).reshape(50, 100)))
case("summary3", np.arange(3000).reshape(3, 10, 100))
case("summary_tall", np.arange(2002).reshape(1001, 2))
case("wrapped", np.arange(100) * 1000003)
case("wrapped2", np.arange(120.0).reshape(2, 60) / 3)
case("wide", np.array([b"x" * 100, b"y" * 60, b"z"]))
for unit in "Y M W D h m s ms us ns ps fs as 25s 3M".split():
    ticks = np.array([0, 1, -1, 123456789, -2**63])
    case(f"M8_{unit}", ticks.view(f"M8[{unit}]"))
    case(f"m8_{unit}", ticks.view(f"m8[{unit}]"))
case("M8_before", np.array(["-0044-03-15", "0000-02-29", "1900-03-01", "2000-02-29", "9999-12-31"], "M8[D]"))
case("M8_nat", np.array(["NaT", "NaT"], "M8[s]"))
case("m8_short", np.array([1, 2], "m8[s]"))
case("m8_short_nat", np.array([1, "NaT"], "m8[s]"))
record = np.dtype([("a", "u1"), ("b", "f4"), ("c", "i2", (2, 2)), ("d", [("x", "?"), ("t", "M8[ms]")]), ("s", "S3")])
rows = [(1, 2.5, [[3, 4], [5, 6]], (True, 8), b"ab"), (9, -10.5, [[11, 12], [13, 14]], (False, 16), b"c")]
case("record", np.array(rows, record))
case("record_one", np.array(rows[0], record))
case("record_single", np.array([(1.5,), (22.25,)], [("a", "f8")]))
case("record_summary", np.zeros((2000,), [("a", "i4"), ("b", "f8", (2,))]))
case("record_sub", np.zeros((2,), [("a", "i4", (2, 501))]))
aligned = np.dtype([("a", "u1"), ("b", "f8"), ("c", "c8")], align=True)
case("record_padded", np.array([(1, 2.5, 1 - 2j), (3, nan, 4)], aligned))
case("record_padded_one", np.array((1, 1e-9, 1 - 2j), aligned))
for name, value in {
    "b1": True, "i4": np.int32(-7), "f8": 1.0, "f8_large": 1e16, "f8_small": 1e-5, "f8_int": 123456789012.0,
    "f8_nan": nan, "f4": np.float32(0.1), "f4_large": np.float32(1e6), "f2": np.float16(1024), "c16": 1 + 2j,
    "c16_imaginary": 2j, "c8": np.complex64(-0.5 + 1e-7j), "c16_nan": complex(nan, -inf),
    "M8": np.datetime64("2026-11-21T15:30", "m"), "M8_nat": np.datetime64("NaT", "D"),
    "m8": np.timedelta64(5, "25s"), "m8_generic": np.timedelta64(5), "m8_nat": np.timedelta64("NaT", "h"), "V": np.void(b"a\x0b"),
}.items():
    case(f"scalar_{name}", np.array(value))

grid = np.arange(60, dtype="i4").reshape(3, 4, 5)
arrays["grid"] = np.asfortranarray(grid)
for text in """... | 0 | -1 | 1,2,3 | :,0 | ...,::-1 | ::-1,::2,::-2 | 2:0:-1 | 0:0 | 1:2,...,None | None,0,0 | 5: | :-5:-1 | 0,1:3,-3:-1""".split("|"):
    texts.append(f"== grid[{text.strip()}]\n{str(eval(f'grid[{text}]'))}\n")

np.savez_compressed(here / "arrays.npz", **arrays)
(here / "printed.txt").write_text("".join(texts))
