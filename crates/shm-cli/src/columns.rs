//! The columns of `ls` and `watch`: what they say of an array, to people and to programs.

use std::time::Duration;

use shmarray::BackendKind;

use crate::overview::{Segment, who};
use crate::paint::Paint;
use crate::shape::python_shape;
use crate::table::{Cell, Column, Table};
use crate::{os, units};

/// A fact about an array that a column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The name or `PID:FD` that other subcommands take.
    Place,
    /// The name it was made with.
    Name,
    /// Both, where they are not the same.
    Title,
    Backend,
    /// All of it.
    DType,
    /// Its beginning.
    ShortDType,
    Shape,
    Bytes,
    /// Bytes, rounded.
    Size,
    Seconds,
    /// Seconds, rounded.
    Age,
    /// How many processes have it.
    Processes,
    /// The processes that have it.
    Who,
    /// The user it belongs to.
    Owner,
    Policy,
    /// Properties that are out of the ordinary.
    Marks,
}

impl Field {
    /// Its processes come before its shape, and its name before all.
    fn column(self) -> Column {
        match self {
            Self::Place => Column::text("PLACE"),
            Self::Name => Column::text("NAME"),
            Self::Title => Column::text("NAME").elided(24, 8),
            Self::Who => Column::text("WHO").elided(20, 6).rank(1),
            Self::Size => Column::figures("SIZE").rank(2),
            Self::Marks => Column::text("MARKS").rank(3),
            Self::Owner => Column::text("OWNER").rank(4),
            Self::Age => Column::figures("AGE").rank(5),
            Self::Shape => Column::text("SHAPE").rank(6),
            Self::DType | Self::ShortDType => Column::text("DTYPE").rank(7),
            Self::Backend => Column::text("BACKEND").rank(8),
            Self::Policy => Column::text("POLICY").rank(9),
            Self::Bytes => Column::figures("BYTES"),
            Self::Seconds => Column::figures("SECONDS"),
            Self::Processes => Column::figures("PROCESSES"),
        }
    }

    fn cell(self, segment: &Segment) -> Cell {
        match self {
            Self::Place => (&segment.place).into(),
            Self::Name => (&segment.name).into(),
            Self::Title => title(segment).into(),
            Self::Backend => (&segment.backend).into(),
            Self::DType => (&segment.dtype).into(),
            Self::ShortDType => short(&segment.dtype).into(),
            Self::Shape => python_shape(&segment.shape).into(),
            Self::Bytes => segment.bytes.to_string().into(),
            Self::Size => units::bytes(segment.bytes).into(),
            Self::Seconds => segment.age_seconds.to_string().into(),
            Self::Age => units::span(Duration::from_secs(segment.age_seconds)).into(),
            Self::Processes => count(segment),
            Self::Who => holders(segment),
            Self::Owner => os::user_name(segment.owner).into(),
            Self::Policy => (&segment.policy).into(),
            Self::Marks => marks(segment),
        }
    }
}

/// Fields for people; the owner is one of them where an array belongs to somebody else.
pub(crate) fn for_people(fields: &[Field], segments: &[Segment]) -> Vec<Field> {
    let me = os::current_user();
    let has_others = segments.iter().any(|segment| segment.owner != me);
    let fields = fields.iter().copied();
    fields.filter(|field| *field != Field::Owner || has_others).collect()
}

/// A row for each array.
pub(crate) fn table(fields: &[Field], segments: &[Segment]) -> Table {
    let mut table = Table::new(&Vec::from_iter(fields.iter().map(|field| field.column())));
    for segment in segments {
        table.row(fields.iter().map(|field| field.cell(segment)));
    }
    table
}

/// Its name for people: with the place, where the name does not lead to it.
fn title(segment: &Segment) -> String {
    if segment.place == segment.name {
        segment.name.clone()
    } else {
        format!("{} ({})", segment.place, segment.name)
    }
}

/// The dtype, not longer than a column should be.
fn short(dtype: &str) -> String {
    const MOST: usize = 24;
    if dtype.chars().count() <= MOST {
        return dtype.to_owned();
    }
    dtype.chars().take(MOST - 1).chain(['…']).collect()
}

/// How many processes have it. The kernel's word is that of its locks: it counts also where the
/// processes are not to be seen, as in another container.
fn count(segment: &Segment) -> Cell {
    match segment.processes.len() {
        0 => unseen(segment),
        count if segment.in_use != Some(false) => Cell::new(count.to_string()).paint(Paint::Green),
        _ => unseen(segment),
    }
}

/// The processes that have it.
fn holders(segment: &Segment) -> Cell {
    match &*segment.processes {
        [] => unseen(segment),
        processes => Cell::new(who(processes)),
    }
}

/// The kernel's word, where no process is seen.
fn unseen(segment: &Segment) -> Cell {
    match segment.in_use {
        Some(false) => Cell::new("none").paint(Paint::Dim),
        Some(true) => Cell::new("in use").paint(Paint::Green),
        None => Cell::new("?"),
    }
}

fn marks(segment: &Segment) -> Cell {
    let paint = if segment.abandoned { Paint::Yellow } else { Paint::Cyan };
    Cell::new(marks_text(segment)).paint(paint)
}

/// Properties that are out of the ordinary, as text.
pub(crate) fn marks_text(segment: &Segment) -> String {
    let is_shm = segment.backend == BackendKind::Shm.as_str();
    let marks = [
        (segment.abandoned, "abandoned"),
        (segment.frozen, "frozen"),
        (segment.guarded, "guarded"),
        (segment.order == "F", "fortran"),
        (is_shm && !segment.named, "nameless"),
        (is_shm && segment.named && segment.is_descriptor, "elsewhere"),
    ];
    let marks = marks.into_iter().filter_map(|(is_so, mark)| is_so.then_some(mark));
    Vec::from_iter(marks).join(" ")
}
