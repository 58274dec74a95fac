//! DeepStream's queries between elements.

use gst::prelude::*;

/// A number that one element asks another for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Frames that a batch holds at most; asked upstream.
    BatchSize,
    /// Sources that are connected to the multiplexer; asked upstream.
    StreamCount,
    /// The number of a source; asked upstream by the multiplexer.
    SourceId,
}

/// Name of the field that takes the answer.
const ANSWER: &str = "value";

impl Number {
    const ALL: [Self; 3] = [Self::BatchSize, Self::StreamCount, Self::SourceId];

    fn name(self) -> &'static str {
        match self {
            Self::BatchSize => "nv-batch-size-query",
            Self::StreamCount => "nv-num-streams-query",
            Self::SourceId => "nv-source-id-query",
        }
    }

    /// Asks what is linked to `pad`; `None` where nobody knows.
    pub(crate) fn ask(self, pad: &impl IsA<gst::Pad>) -> Option<u32> {
        let mut query = gst::query::Custom::new(gst::Structure::new_empty(self.name()));
        if !pad.peer_query(&mut query) {
            return None;
        }
        query.structure()?.get(ANSWER).ok()
    }

    /// What `query` asks for; `None` if it is another kind of query.
    pub(crate) fn asked(query: &gst::QueryRef) -> Option<Self> {
        if query.type_() != gst::QueryType::Custom {
            return None;
        }
        let name = query.structure()?.name();
        Self::ALL.into_iter().find(|number| number.name() == name)
    }

    /// Answers a query that asked for a number.
    pub(crate) fn answer(query: &mut gst::QueryRef, value: u32) {
        if let gst::QueryViewMut::Custom(query) = query.view_mut() {
            query.structure_mut().set(ANSWER, value);
        }
    }
}
