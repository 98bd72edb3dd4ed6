//! Making an array on the first backend of the automatic order that the system makes it on.

use std::cell::Cell;

use shm_core::{Fill, Header, Region, Result, Sink, Spec};
use shm_select::Needs;

use crate::backends;
use crate::erased::ErasedArray;
use crate::select;

/// Tries the backends that these needs allow, one after the other, until the system makes the array on
/// one. Once the caller's contents have begun to be read or called, an error is the end.
pub(super) fn create(spec: &Spec, needs: &Needs, fill: Option<Fill<'_>>) -> Result<ErasedArray> {
    let has_begun = Cell::new(false);
    watched(fill, &has_begun, |mut fill| {
        let mut selection = select::select(needs)?;
        loop {
            let fill = fill.as_mut().map(Fill::reborrow);
            match backends::create(selection.chosen, spec, fill) {
                Ok(made) => return ErasedArray::new(made, Some(selection)),
                Err(error) if has_begun.get() => return Err(error),
                Err(error) => selection = select::refused(selection, error)?,
            }
        }
    })
}

/// Calls `make` with contents that say when they begin to be asked for.
fn watched<T>(
    fill: Option<Fill<'_>>,
    has_begun: &Cell<bool>,
    make: impl FnOnce(Option<Fill<'_>>) -> T,
) -> T {
    match fill {
        None => make(None),
        Some(Fill::InPlace(fill)) => {
            make(Some(Fill::InPlace(&mut |header: &Header, region: &dyn Region| {
                has_begun.set(true);
                fill(header, region)
            })))
        }
        Some(Fill::InOrder(fill)) => make(Some(Fill::InOrder(&mut |to: &mut dyn Sink| {
            has_begun.set(true);
            fill(to)
        }))),
        Some(Fill::InOrderOnce(fill, begun)) => {
            let mut fill = |to: &mut dyn Sink| {
                has_begun.set(true);
                fill(to)
            };
            make(Some(Fill::InOrderOnce(&mut fill, begun)))
        }
    }
}
