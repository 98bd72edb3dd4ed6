//! The details of one handle that the segment does not have: part, name, selection.

use std::sync::Arc;

use shm_core::{Header, Name, Window};
use shm_select::Selection;

/// Of most handles there is nothing to say: they show the whole array by the segment's name. Clones
/// share what there is.
#[derive(Clone, Default)]
pub(crate) struct Details(Option<Arc<Said>>);

#[derive(Clone, Default)]
struct Said {
    /// The part, if not the whole.
    window: Option<Window>,
    /// The array's name in this process, if it is not the segment's.
    name: Option<Name>,
    selection: Option<Arc<Selection>>,
}

impl Details {
    /// Those of a new handle.
    pub(crate) fn new(selection: Option<Selection>) -> Self {
        let mut details = Self::default();
        if let Some(selection) = selection {
            details.change(|said| said.selection = Some(Arc::new(selection)));
        }
        details
    }

    /// The same, for another part; `None` is the whole.
    pub(crate) fn set_window(&mut self, window: Option<Window>) {
        self.change(|said| said.window = window);
    }

    /// The same, for another name.
    pub(crate) fn set_name(&mut self, name: Name) {
        self.change(|said| said.name = Some(name));
    }

    fn change(&mut self, what: impl FnOnce(&mut Said)) {
        what(Arc::make_mut(self.0.get_or_insert_default()));
    }

    /// The part that the handle shows, if not the whole.
    pub(crate) fn window(&self) -> Option<&Window> {
        self.0.as_ref()?.window.as_ref()
    }

    /// The name that the array goes by in this process.
    pub(crate) fn name<'a>(&'a self, header: &'a Header) -> &'a Name {
        let name = self.0.as_ref().and_then(|said| said.name.as_ref());
        name.unwrap_or_else(|| header.name())
    }

    /// Length of each axis that the handle shows, in elements.
    pub(crate) fn shape<'a>(&'a self, header: &'a Header) -> &'a [usize] {
        self.window().map_or_else(|| header.layout().shape(), |part| &part.shape)
    }

    /// How the backend was chosen, if the library chose it.
    pub(crate) fn selection(&self) -> Option<&Selection> {
        self.0.as_ref()?.selection.as_deref()
    }
}
