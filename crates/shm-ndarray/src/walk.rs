//! The order in which two arrays of one shape are gone through together: in few, long runs.

/// One axis of arrays that are gone through together: how many elements, and their distance in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis<const N: usize> {
    /// Number of elements.
    pub(crate) len: usize,
    /// Distance of neighbours in each array.
    pub(crate) steps: [isize; N],
}

/// An axis of a shared and a private array, with distances in elements; not negative in shared memory.
pub(crate) type Pair = Axis<2>;

impl Pair {
    pub(crate) const fn new(len: usize, shared: isize, private: isize) -> Self {
        Self { len, steps: [shared, private] }
    }

    /// Distance in shared memory.
    #[inline]
    pub(crate) fn shared(self) -> isize {
        self.steps[0]
    }

    /// Distance in private memory.
    #[inline]
    pub(crate) fn private(self) -> isize {
        self.steps[1]
    }
}

/// Joins neighbouring axes, the outer one first, where one longer axis reaches the same elements.
pub(crate) fn join<const N: usize>(axes: &mut Vec<Axis<N>>) {
    axes.dedup_by(|inner, outer| {
        let len = inner.len.cast_signed();
        let is_one = (0..N).all(|side| outer.steps[side] == inner.steps[side] * len);
        if is_one {
            *outer = Axis { len: outer.len * inner.len, ..*inner };
        }
        is_one
    });
}

/// A way through a shared and a private array that visits each pair of elements once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    /// From the longest distance in shared memory to the shortest; never without an axis.
    axes: Vec<Pair>,
    /// Where it starts, in elements from each side's first element.
    start: (isize, isize),
}

impl Walk {
    /// Plans the way: axes are turned to go forwards in shared memory, sorted, and joined.
    pub(crate) fn new(shape: &[usize], shared: &[isize], private: &[isize]) -> Self {
        let mut start = (0, 0);
        let mut axes = Vec::with_capacity(shape.len().max(1));
        for ((&len, &shared), &private) in shape.iter().zip(shared).zip(private) {
            let mut axis = Pair::new(len, shared, private);
            match len {
                0 => return Self::nowhere(),
                1 => continue,
                _ if shared < 0 => {
                    start.0 += shared * (len - 1).cast_signed();
                    start.1 += private * (len - 1).cast_signed();
                    axis.steps = [-shared, -private];
                }
                _ => {}
            }
            axes.push(axis);
        }
        axes.sort_by_key(|axis| std::cmp::Reverse(axis.shared()));
        join(&mut axes);
        if axes.is_empty() {
            axes.push(Pair::new(1, 1, 1));
        }
        Self { axes, start }
    }

    fn nowhere() -> Self {
        let axis = Pair::new(0, 1, 1);
        Self { axes: vec![axis], start: (0, 0) }
    }

    /// Calls `run` for each run along the innermost axis, with where it starts on the shared and
    /// on the private side, in elements.
    #[inline(always)]
    pub(crate) fn runs(&self, mut run: impl FnMut(Pair, isize, isize)) {
        follow(&self.axes, self.start.0, self.start.1, &mut run);
    }
}

fn follow<F>(axes: &[Pair], shared: isize, private: isize, run: &mut F)
where
    F: FnMut(Pair, isize, isize),
{
    match axes {
        [] => {}
        [inner] => run(*inner, shared, private),
        [outer, rest @ ..] => {
            for i in 0..outer.len.cast_signed() {
                let (shared, private) =
                    (shared + i * outer.shared(), private + i * outer.private());
                follow(rest, shared, private, run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contiguous_arrays_are_one_run() {
        let one = |len| Walk { axes: vec![Pair::new(len, 1, 1)], start: (0, 0) };
        assert_eq!(Walk::new(&[2, 3, 4], &[12, 4, 1], &[12, 4, 1]), one(24));
        assert_eq!(Walk::new(&[2, 3, 4], &[1, 2, 6], &[1, 2, 6]), one(24));
        assert_eq!(Walk::new(&[2, 1, 4], &[4, 99, 1], &[4, 0, 1]), one(8));
        assert_eq!(Walk::new(&[], &[], &[]), one(1));
        assert_eq!(Walk::new(&[3, 0], &[0, 0], &[0, 0]), one(0));
        let reversed = Walk::new(&[2, 3], &[-3, -1], &[-3, -1]);
        assert_eq!(reversed.axes, one(6).axes);
        assert_eq!(reversed.start, (-5, -5));
    }

    #[test]
    fn the_inner_axis_is_dense_in_shared_memory() {
        let walk = Walk::new(&[2, 3], &[1, 2], &[3, 1]);
        assert_eq!(walk.axes[1], Pair::new(2, 1, 3));
    }
}
