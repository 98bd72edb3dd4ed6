//! Floating-point numbers as atomics, which std has for integers only.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

macro_rules! floats {
    ($($(#[$doc:meta])* $name:ident: $float:ident as $bits:ident;)*) => {$(
        $(#[$doc])*
        #[repr(transparent)]
        pub struct $name($bits);

        impl $name {
            /// A new one.
            pub const fn new(value: $float) -> Self {
                Self($bits::new(value.to_bits()))
            }

            /// Its value.
            #[inline]
            pub fn load(&self, order: Ordering) -> $float {
                $float::from_bits(self.0.load(order))
            }

            /// Stores a value.
            #[inline]
            pub fn store(&self, value: $float, order: Ordering) {
                self.0.store(value.to_bits(), order);
            }

            /// Stores a value, and gives the one before.
            #[inline]
            pub fn swap(&self, value: $float, order: Ordering) -> $float {
                $float::from_bits(self.0.swap(value.to_bits(), order))
            }

            /// Adds, and gives the value before. No other's addition is lost; the sum of many depends on
            /// their order, as floating-point sums do.
            #[inline]
            pub fn fetch_add(&self, value: $float, order: Ordering) -> $float {
                self.replace(order, |old| old + value)
            }

            /// Keeps the smaller one, or the one that is a number, and gives the value before.
            #[inline]
            pub fn fetch_min(&self, value: $float, order: Ordering) -> $float {
                self.replace(order, |old| old.min(value))
            }

            /// Keeps the greater one, or the one that is a number, and gives the value before.
            #[inline]
            pub fn fetch_max(&self, value: $float, order: Ordering) -> $float {
                self.replace(order, |old| old.max(value))
            }

            /// Bits are compared, not numbers: NaN is not equal to itself, and the loop must end.
            #[inline]
            fn replace(&self, order: Ordering, new: impl Fn($float) -> $float) -> $float {
                let mut old = self.0.load(Ordering::Relaxed);
                loop {
                    let bits = new($float::from_bits(old)).to_bits();
                    match self.0.compare_exchange_weak(old, bits, order, Ordering::Relaxed) {
                        Ok(old) => return $float::from_bits(old),
                        Err(now) => old = now,
                    }
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.load(Ordering::Relaxed).fmt(f)
            }
        }
    )*};
}

floats! {
    /// An `f32` that threads and processes use at the same time: the bits of an `AtomicU32`.
    ///
    /// What changes it in one step compares and exchanges the bits until nobody came between. Orderings
    /// are those of the exchange.
    AtomicF32: f32 as AtomicU32;
    /// An `f64` that threads and processes use at the same time: the bits of an `AtomicU64`.
    ///
    /// What changes it in one step compares and exchanges the bits until nobody came between. Orderings
    /// are those of the exchange.
    AtomicF64: f64 as AtomicU64;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::{AcqRel, Relaxed};

    use super::*;

    #[test]
    fn no_addition_of_many_threads_is_lost() {
        let sums = (AtomicF32::new(0.0), AtomicF64::new(0.0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        sums.0.fetch_add(1.0, Relaxed);
                        sums.1.fetch_add(0.5, AcqRel);
                    }
                });
            }
        });
        assert_eq!((sums.0.load(Relaxed), sums.1.load(Relaxed)), (40_000.0, 20_000.0));
    }

    #[test]
    fn what_is_not_a_number_ends_the_loop_too() {
        let value = AtomicF64::new(f64::NAN);
        assert!(value.fetch_add(1.0, Relaxed).is_nan() && value.load(Relaxed).is_nan());
        assert!(value.fetch_max(2.0, Relaxed).is_nan());
        assert_eq!(value.fetch_min(-0.5, Relaxed), 2.0);
        assert_eq!(value.swap(-0.0, Relaxed), -0.5);
        assert!(value.load(Relaxed).is_sign_negative());
        value.store(1.5, Relaxed);
        assert_eq!(format!("{value:?}"), "1.5");
    }
}
