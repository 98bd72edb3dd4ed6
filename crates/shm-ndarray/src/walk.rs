//! The order in which two arrays of one shape are gone through together: in few, long runs.

/// One axis: how many elements, and their distance on the shared and on the private side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Number of elements.
    pub(crate) len: usize,
    /// Distance in shared memory, in elements; not negative.
    pub(crate) shared: isize,
    /// Distance in private memory, in elements.
    pub(crate) private: isize,
}

/// A way through a shared and a private array that visits each pair of elements once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    /// From the longest distance in shared memory to the shortest; never without an axis.
    axes: Vec<Axis>,
    /// Where it starts, in elements from each side's first element.
    start: (isize, isize),
}

impl Walk {
    /// Plans the way: axes are turned to go forwards in shared memory, sorted, and joined.
    pub(crate) fn new(shape: &[usize], shared: &[isize], private: &[isize]) -> Self {
        let mut start = (0, 0);
        let mut axes = Vec::with_capacity(shape.len().max(1));
        for ((&len, &shared), &private) in shape.iter().zip(shared).zip(private) {
            let mut axis = Axis { len, shared, private };
            match len {
                0 => return Self::nowhere(),
                1 => continue,
                _ if shared < 0 => {
                    start.0 += shared * (len - 1).cast_signed();
                    start.1 += private * (len - 1).cast_signed();
                    (axis.shared, axis.private) = (-shared, -private);
                }
                _ => {}
            }
            axes.push(axis);
        }
        axes.sort_by_key(|axis| std::cmp::Reverse(axis.shared));
        axes.dedup_by(|inner, outer| {
            let len = inner.len.cast_signed();
            let joined = outer.shared == inner.shared * len && outer.private == inner.private * len;
            if joined {
                *outer = Axis { len: outer.len * inner.len, ..*inner };
            }
            joined
        });
        if axes.is_empty() {
            axes.push(Axis { len: 1, shared: 1, private: 1 });
        }
        Self { axes, start }
    }

    fn nowhere() -> Self {
        let axis = Axis { len: 0, shared: 1, private: 1 };
        Self { axes: vec![axis], start: (0, 0) }
    }

    /// Calls `run` for each run along the innermost axis, with where it starts on the shared and
    /// on the private side, in elements.
    #[inline(always)]
    pub(crate) fn runs(&self, mut run: impl FnMut(Axis, isize, isize)) {
        follow(&self.axes, self.start.0, self.start.1, &mut run);
    }
}

fn follow<F>(axes: &[Axis], shared: isize, private: isize, run: &mut F)
where
    F: FnMut(Axis, isize, isize),
{
    match axes {
        [] => {}
        [inner] => run(*inner, shared, private),
        [outer, rest @ ..] => {
            for i in 0..outer.len.cast_signed() {
                let (shared, private) = (shared + i * outer.shared, private + i * outer.private);
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
        let one = |len| Walk { axes: vec![Axis { len, shared: 1, private: 1 }], start: (0, 0) };
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
        assert_eq!(walk.axes[1], Axis { len: 2, shared: 1, private: 3 });
    }
}
