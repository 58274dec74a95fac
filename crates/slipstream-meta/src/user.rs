//! Metadata of programs: anything they want to travel with a batch, a frame or an object.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a program attaches.
pub trait UserData: Any + Send + Sync + fmt::Debug {
    /// What goes onto a copy of what this is attached to; `None` leaves the copy without. Shares the data unless the type
    /// says otherwise.
    fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>>;

    /// For looking at what it is.
    fn as_any(&self) -> &dyn Any;
}

/// Something attached by a program, and what kind of thing it is.
///
/// Kinds are numbers as in DeepStream's `NvDsMetaType`: known ones below 4096, those of programs from 8193 on.
#[derive(Debug)]
pub struct UserMeta {
    /// What kind of data it is.
    pub kind: i32,
    /// The data.
    pub data: Arc<dyn UserData>,
}

/// Metadata of programs, in the order in which it was attached. A copy holds what the data's
/// [`duplicate`](UserData::duplicate) makes of each; two lists are equal if they hold the very same data.
#[derive(Debug, Default)]
pub struct UserMetas(pub Vec<UserMeta>);

impl UserMeta {
    /// The data, if it is of type `T`.
    pub fn downcast_ref<T: UserData>(&self) -> Option<&T> {
        self.data.as_any().downcast_ref()
    }
}

impl Clone for UserMetas {
    fn clone(&self) -> Self {
        let copies = self
            .0
            .iter()
            .filter_map(|meta| Some(UserMeta { kind: meta.kind, data: Arc::clone(&meta.data).duplicate()? }));
        Self(copies.collect())
    }
}

impl PartialEq for UserMetas {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&UserMeta, &UserMeta)| a.kind == b.kind && Arc::ptr_eq(&a.data, &b.data);
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl std::ops::Deref for UserMetas {
    type Target = Vec<UserMeta>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for UserMetas {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Note(&'static str, bool);

    impl UserData for Note {
        fn duplicate(self: Arc<Self>) -> Option<Arc<dyn UserData>> {
            self.1.then_some(self as Arc<dyn UserData>)
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    #[test]
    fn copies_hold_what_travels() {
        let note = |text, travels| UserMeta { kind: 8193, data: Arc::new(Note(text, travels)) };
        let list = UserMetas(vec![note("goes along", true), note("stays", false)]);
        let copy = list.clone();
        assert_eq!(copy.len(), 1);
        assert_eq!(copy[0].downcast_ref::<Note>().map(|note| note.0), Some("goes along"));
        assert_ne!(list, copy);
        assert_eq!(copy, copy.clone());
    }
}
