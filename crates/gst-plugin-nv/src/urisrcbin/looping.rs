//! Playing a file over and over as one stream.

/// What is known of a stream that loops.
#[derive(Debug, Default)]
pub(super) struct Loop {
    /// Added to the times of the file.
    offset: gst::ClockTime,
    /// End of the last frame, in the times that leave.
    end: gst::ClockTime,
}

/// What becomes of an event.
#[derive(Debug)]
pub(super) enum Fate {
    Pass,
    Drop,
    /// Replace it.
    Replace(gst::Event),
    /// Drop it, and go to the file's beginning.
    StartOver,
}

impl Loop {
    /// Gives a frame its place in the stream.
    pub(super) fn shift(&mut self, buffer: &mut gst::Buffer) {
        let Some(pts) = buffer.pts() else { return };
        let pts = pts + self.offset;
        self.end = self.end.max(pts + buffer.duration().unwrap_or_default());
        if self.offset > gst::ClockTime::ZERO {
            let dts = buffer.dts().map(|dts| dts + self.offset);
            let buffer = buffer.make_mut();
            buffer.set_pts(pts);
            buffer.set_dts(dts);
        }
    }

    pub(super) fn judge(&mut self, event: &gst::EventRef) -> Fate {
        match event.view() {
            gst::EventView::Eos(_) => {
                self.offset = self.end;
                Fate::StartOver
            }
            // Downstream sees one stream that never ends.
            gst::EventView::FlushStart(_) | gst::EventView::FlushStop(_) => Fate::Drop,
            gst::EventView::Segment(_) => {
                Fate::Replace(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()))
            }
            _ => Fate::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(stream: &mut Loop) -> Vec<u64> {
        (0..3)
            .map(|n| {
                let mut buffer = gst::Buffer::new();
                let b = buffer.make_mut();
                b.set_pts(gst::ClockTime::from_mseconds(40 * n));
                b.set_duration(gst::ClockTime::from_mseconds(40));
                stream.shift(&mut buffer);
                buffer.pts().unwrap().mseconds()
            })
            .collect()
    }

    #[test]
    fn the_second_round_begins_where_the_first_ended() {
        gst::init().unwrap();
        let mut stream = Loop::default();
        let segment = gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new());
        assert!(matches!(stream.judge(&segment), Fate::Replace(_)));
        assert_eq!(times(&mut stream), [0, 40, 80]);
        assert!(matches!(stream.judge(&gst::event::Eos::new()), Fate::StartOver));
        assert!(matches!(stream.judge(&gst::event::FlushStart::new()), Fate::Drop));
        assert!(matches!(stream.judge(&segment), Fate::Replace(_)));
        assert_eq!(times(&mut stream), [120, 160, 200]);
        assert!(matches!(stream.judge(&gst::event::Eos::new()), Fate::StartOver));
        assert_eq!(times(&mut stream), [240, 280, 320]);
    }
}
