//! Atomic copies of long runs: 16 bytes of shared memory with each instruction.
//!
//! Only on processors that promise that such an access is atomic, and so each word in it. That is
//! every x86-64 with AVX: "Processors that enumerate support for Intel AVX (…) guarantee that the
//! 16-byte memory operations performed by the following instructions will always be carried out
//! atomically: (…) VMOVDQA when encoded with VEX.128" (Intel SDM, volume 3, 9.1.1; AMD64 APM,
//! volume 2, 7.3.2 likewise). Elsewhere there is no middle, and [`words`](crate::words) copies all.
#![allow(unsafe_code)] // copies by assembly; each function says what it stands for

use std::ops::Range;

/// Copies shorter than this, in bytes, are not worth the detour.
const WORTH: usize = 256;

/// What one turn of the loop copies, in bytes.
const TURN: usize = 64;

/// Which of `count` words of `W`, the first of them at `shared`, can be copied here: a middle that
/// begins at a multiple of 16 bytes and consists of whole turns. Empty where that does not pay, or
/// the processor does not promise it.
#[inline(always)]
pub(crate) fn middle<W>(shared: *const W, count: usize) -> Range<usize> {
    let size = size_of::<W>();
    if count * size < WORTH || !imp::is_atomic() {
        return 0..0;
    }
    let start = (shared.addr().wrapping_neg() % 16) / size;
    let turns = (count - start) * size / TURN;
    start..start + turns * TURN / size
}

pub(crate) use imp::{load, store};

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod imp {
    use std::arch::asm;

    use super::TURN;

    #[inline(always)]
    pub(super) fn is_atomic() -> bool {
        std::arch::is_x86_feature_detected!("avx")
    }

    /// Copies out of shared memory. It stands for relaxed atomic loads, one for each word of
    /// whatever size others use, followed by ordinary stores to private memory.
    ///
    /// # Safety
    /// [`middle`](super::middle) gave the bytes: `from` is a multiple of 16, `len` of
    /// [`TURN`] and not zero, the processor has AVX. `from` can be read and others use it by atomic
    /// accesses of at most 8 bytes; `to` can be written and nobody else uses it.
    #[inline]
    pub(crate) unsafe fn load(from: *const u8, to: *mut u8, len: usize) {
        debug_assert!(from.addr().is_multiple_of(16) && len > 0 && len.is_multiple_of(TURN));
        // SAFETY: within `len` bytes on both sides; aligned where the instruction asks for it; the
        // registers are declared, and memory counts as changed.
        unsafe {
            asm!(
                "2:",
                "vmovdqa {a}, xmmword ptr [{from}]",
                "vmovdqa {b}, xmmword ptr [{from} + 16]",
                "vmovdqa {c}, xmmword ptr [{from} + 32]",
                "vmovdqa {d}, xmmword ptr [{from} + 48]",
                "vmovdqu xmmword ptr [{to}], {a}",
                "vmovdqu xmmword ptr [{to} + 16], {b}",
                "vmovdqu xmmword ptr [{to} + 32], {c}",
                "vmovdqu xmmword ptr [{to} + 48], {d}",
                "add {from}, 64",
                "add {to}, 64",
                "sub {len}, 64",
                "jnz 2b",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                len = inout(reg) len => _,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                c = out(xmm_reg) _,
                d = out(xmm_reg) _,
                options(nostack),
            );
        }
    }

    /// Copies into shared memory. It stands for ordinary loads from private memory, followed by
    /// relaxed atomic stores, one for each word of whatever size others use.
    ///
    /// # Safety
    /// As for [`load`], with the sides exchanged: `to` is the shared one, a multiple of 16, and can
    /// be written; nobody writes `from`.
    #[inline]
    pub(crate) unsafe fn store(from: *const u8, to: *mut u8, len: usize) {
        debug_assert!(to.addr().is_multiple_of(16) && len > 0 && len.is_multiple_of(TURN));
        // SAFETY: as in `load`.
        unsafe {
            asm!(
                "2:",
                "vmovdqu {a}, xmmword ptr [{from}]",
                "vmovdqu {b}, xmmword ptr [{from} + 16]",
                "vmovdqu {c}, xmmword ptr [{from} + 32]",
                "vmovdqu {d}, xmmword ptr [{from} + 48]",
                "vmovdqa xmmword ptr [{to}], {a}",
                "vmovdqa xmmword ptr [{to} + 16], {b}",
                "vmovdqa xmmword ptr [{to} + 32], {c}",
                "vmovdqa xmmword ptr [{to} + 48], {d}",
                "add {from}, 64",
                "add {to}, 64",
                "sub {len}, 64",
                "jnz 2b",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                len = inout(reg) len => _,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                c = out(xmm_reg) _,
                d = out(xmm_reg) _,
                options(nostack),
            );
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod imp {
    pub(super) fn is_atomic() -> bool {
        false
    }

    /// # Safety
    /// None: [`middle`](super::middle) never gives bytes for it.
    pub(crate) unsafe fn load(_: *const u8, _: *mut u8, _: usize) {}

    /// # Safety
    /// As for [`load`].
    pub(crate) unsafe fn store(_: *const u8, _: *mut u8, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every start and length around the limits, in words of every size: the bytes arrive, and
    /// those beside them stay.
    #[test]
    fn every_run_is_copied_whole_and_nothing_beside_it() {
        fn check<W: crate::words::Word + From<u8>>() {
            let size = size_of::<W>();
            for skipped in 0..24 {
                for count in [0, 1, WORTH / size - 1, WORTH / size, WORTH / size + 7, 4099] {
                    let shared: Vec<u64> =
                        (0..5000_u64).map(|at| at.wrapping_mul(0x0101_0101_0101_0107)).collect();
                    let from = shared.as_ptr().cast::<W>().wrapping_add(skipped).cast_mut();
                    let mut private = vec![0_u8; (count + 2) * size + 1];
                    let to = private.as_mut_ptr().wrapping_add(size + 1).cast::<W>();
                    // SAFETY: `count` words lie within both, and nobody else uses them.
                    unsafe { crate::words::load(from, to, count) };
                    // SAFETY: 40000 bytes that are initialised.
                    let bytes =
                        unsafe { std::slice::from_raw_parts(from.cast::<u8>(), count * size) };
                    assert_eq!(&private[size + 1..size + 1 + count * size], bytes);
                    assert!(private[..size + 1].iter().all(|byte| *byte == 0));
                    assert!(private[size + 1 + count * size..].iter().all(|byte| *byte == 0));

                    let mut back = vec![0_u64; 5000];
                    let into = back.as_mut_ptr().cast::<W>().wrapping_add(skipped);
                    // SAFETY: as above.
                    unsafe { crate::words::store(to.cast_const(), into, count) };
                    // SAFETY: 40000 bytes that are initialised.
                    let all =
                        unsafe { std::slice::from_raw_parts(back.as_ptr().cast::<u8>(), 40000) };
                    let (start, end) = (skipped * size, (skipped + count) * size);
                    assert_eq!(&all[start..end], &private[size + 1..size + 1 + count * size]);
                    assert!(all[..start].iter().chain(&all[end..]).all(|byte| *byte == 0));
                }
            }
        }
        check::<u8>();
        check::<u16>();
        check::<u32>();
        check::<u64>();
    }

    #[test]
    fn the_middle_is_aligned_and_whole() {
        let shared = 0x1003 as *const u8;
        let middle = middle(shared, 1000);
        if !middle.is_empty() {
            assert!((0x1003 + middle.start).is_multiple_of(16));
            assert!(middle.len().is_multiple_of(TURN));
            assert!(1000 - middle.end < TURN);
        }
    }
}
