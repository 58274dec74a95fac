use proptest::prelude::*;

use super::*;

fn id(pad: u32) -> LaneId {
    LaneId { pad, serial: 0 }
}

fn even(batch_size: usize) -> Rules {
    Rules { sharing: Sharing::Even { batch_size }, patience: Patience::Endless }
}

/// A collector with lanes 0, 1, … whose arrival has been said.
fn collector(lanes: u32) -> Collector<u32> {
    let mut c = Collector::default();
    for pad in 0..lanes {
        c.open(id(pad));
        assert_eq!(c.next(&even(1), 0), Step::Say(id(pad), Mark::Added));
    }
    c
}

fn offer(c: &mut Collector<u32>, pad: u32, frames: impl IntoIterator<Item = u32>) {
    for frame in frames {
        assert_eq!(c.offer(id(pad), 0, frame), Offer::Taken);
    }
}

fn pushed(step: Step<u32>) -> Vec<(u32, u32)> {
    match step {
        Step::Push(frames) => frames.into_iter().map(|(id, frame)| (id.pad, frame)).collect(),
        other => panic!("{other:?} in place of a batch"),
    }
}

#[test]
fn a_batch_of_one_takes_the_sources_in_turn() {
    // the article's program: batch-size 1, several cameras
    let mut c = collector(3);
    offer(&mut c, 0, [0, 1]);
    offer(&mut c, 1, [10, 11]);
    offer(&mut c, 2, [20]);
    let batches: Vec<_> = (0..5).flat_map(|_| pushed(c.next(&even(1), 0))).collect();
    assert_eq!(batches, [(0, 0), (1, 10), (2, 20), (0, 1), (1, 11)]);
    assert_eq!(c.next(&even(1), 0), Step::Wait(None));
    // the turn is remembered: 2 is next although 0 came first
    offer(&mut c, 0, [2]);
    offer(&mut c, 2, [21]);
    assert_eq!(pushed(c.next(&even(1), 0)), [(2, 21)]);
}

#[test]
fn what_is_left_over_goes_to_the_next_in_turn() {
    let mut c = collector(3);
    for pad in 0..3 {
        offer(&mut c, pad, 0..8);
    }
    assert_eq!(pushed(c.next(&even(4), 0)), [(0, 0), (1, 0), (2, 0), (0, 1)]);
    assert_eq!(pushed(c.next(&even(4), 0)), [(1, 1), (2, 1), (0, 2), (1, 2)]);
}

#[test]
fn a_fast_source_does_not_take_the_place_of_a_slow_one() {
    let mut c = collector(2);
    offer(&mut c, 0, 0..9);
    assert_eq!(c.next(&even(4), 0), Step::Wait(None), "two places are the other's");
    offer(&mut c, 1, [0]);
    assert_eq!(c.next(&even(4), 0), Step::Wait(None));
    offer(&mut c, 1, [1]);
    assert_eq!(pushed(c.next(&even(4), 0)), [(0, 0), (0, 1), (1, 0), (1, 1)]);
}

#[test]
fn places_of_a_source_that_ended_are_free() {
    let mut c = collector(2);
    offer(&mut c, 0, 0..9);
    offer(&mut c, 1, [0]);
    c.mark(id(1), Mark::Ended);
    assert_eq!(pushed(c.next(&even(4), 0)), [(0, 0), (1, 0), (0, 1), (0, 2)]);
    assert_eq!(c.next(&even(4), 0), Step::Say(id(1), Mark::Ended), "behind its last frame");
    assert_eq!(pushed(c.next(&even(4), 0)), [(0, 3), (0, 4), (0, 5), (0, 6)]);
    c.mark(id(0), Mark::Ended);
    assert_eq!(pushed(c.next(&even(4), 0)), [(0, 7), (0, 8)], "no more will come");
    assert_eq!(c.next(&even(4), 0), Step::Say(id(0), Mark::Ended));
    assert_eq!(c.next(&even(4), 0), Step::End);
    assert_eq!(c.offer(id(0), 0, 9), Offer::Closed);
}

#[test]
fn live_sources_give_one_frame_each() {
    let rules = Rules { sharing: Sharing::OneEach { batch_size: 2 }, patience: Patience::Endless };
    let mut c = collector(2);
    offer(&mut c, 0, [0, 1, 2]);
    assert_eq!(c.next(&rules, 0), Step::Wait(None));
    offer(&mut c, 1, [0]);
    assert_eq!(pushed(c.next(&rules, 0)), [(0, 0), (1, 0)]);
    c.mark(id(1), Mark::Ended);
    assert_eq!(c.next(&rules, 0), Step::Say(id(1), Mark::Ended));
    assert_eq!(pushed(c.next(&rules, 0)), [(0, 1)], "who has ended is not waited for");
}

#[test]
fn patience_begins_with_the_first_frame() {
    let rules = Rules { sharing: Sharing::Even { batch_size: 2 }, patience: Patience::SinceFirstFrame(40) };
    let mut c = collector(2);
    assert_eq!(c.next(&rules, 1000), Step::Wait(None), "nothing to be impatient about");
    offer(&mut c, 1, [0]);
    assert_eq!(c.next(&rules, 2000), Step::Wait(Some(2040)));
    assert_eq!(c.next(&rules, 2039), Step::Wait(Some(2040)));
    assert_eq!(pushed(c.next(&rules, 2040)), [(1, 0)]);
}

#[test]
fn patience_of_the_new_multiplexer_begins_with_the_batch_before() {
    let sharing = Sharing::Adaptive { batch_size: None, per_source: 1 };
    let rules = Rules { sharing, patience: Patience::SinceLastBatch(40) };
    let mut c = collector(2);
    offer(&mut c, 0, [0, 1]);
    offer(&mut c, 1, [0]);
    assert_eq!(pushed(c.next(&rules, 100)), [(0, 0), (1, 0)]);
    assert_eq!(c.next(&rules, 130), Step::Wait(Some(140)));
    assert_eq!(pushed(c.next(&rules, 140)), [(0, 1)]);
    // the size follows the open sources
    offer(&mut c, 1, [1, 2]);
    c.mark(id(0), Mark::Ended);
    assert_eq!(c.next(&rules, 141), Step::Say(id(0), Mark::Ended));
    assert_eq!(pushed(c.next(&rules, 141)), [(1, 1)]);
}

#[test]
fn a_full_lane_holds_its_source_up() {
    let mut c = collector(2);
    offer(&mut c, 0, 0..QUEUE_DEPTH as u32);
    assert_eq!(c.offer(id(0), 0, 99), Offer::Full(99));
    assert_eq!(pushed(c.next(&even(1), 0)), [(0, 0)]);
    assert_eq!(c.offer(id(0), 0, 99), Offer::Taken);
}

#[test]
fn who_leaves_is_shown_to_the_last_frame() {
    let mut c = collector(1);
    offer(&mut c, 0, [0, 1]);
    c.mark(id(0), Mark::Left);
    let again = LaneId { pad: 0, serial: 1 };
    c.open(again);
    assert_eq!(c.offer(id(0), 0, 2), Offer::Closed);
    assert_eq!(c.next(&even(1), 0), Step::Say(again, Mark::Added));
    assert_eq!(pushed(c.next(&even(1), 0)), [(0, 0)]);
    assert_eq!(pushed(c.next(&even(1), 0)), [(0, 1)]);
    assert_eq!(c.next(&even(1), 0), Step::Say(id(0), Mark::Left));
    c.mark(again, Mark::Left);
    assert_eq!(c.next(&even(1), 0), Step::Say(again, Mark::Left));
    assert_eq!(c.next(&even(1), 0), Step::NoSources);
}

#[test]
fn a_source_that_had_ended_goes_on_after_a_flush() {
    let mut c = collector(1);
    c.mark(id(0), Mark::Ended);
    assert_eq!(c.next(&even(1), 0), Step::Say(id(0), Mark::Ended));
    assert_eq!(c.next(&even(1), 0), Step::End);
    c.reopen(id(0));
    offer(&mut c, 0, [5]);
    assert_eq!(pushed(c.next(&even(1), 0)), [(0, 5)]);
    assert_eq!(c.next(&even(1), 0), Step::Wait(None));
}

#[test]
fn frames_are_lined_up_by_their_times() {
    const WINDOW: u64 = 40;
    let at = |time| Slot { time, window: WINDOW };
    let mut c = collector(2);
    assert_eq!(c.next_aligned(at(0), 2, 0), Step::Wait(None), "begins with the first frame");
    for (pad, times) in [(0, [0, 40, 80]), (1, [45, 85, 125])] {
        for time in times {
            assert_eq!(c.offer(id(pad), time, time as u32), Offer::Taken);
        }
    }
    assert_eq!(pushed(c.next_aligned(at(0), 2, 0)), [(0, 0)], "1 is early and waits");
    assert_eq!(pushed(c.next_aligned(at(40), 2, 0)), [(0, 40)]);
    assert_eq!(pushed(c.next_aligned(at(80), 2, 0)), [(0, 80), (1, 45)]);
    // a frame that a newer one supersedes, and one that is too old
    assert_eq!(c.next_aligned(at(130), 2, 1), Step::Wait(Some(41)), "0 may still come");
    assert_eq!(c.dropped().map(|id| id.pad).collect::<Vec<_>>(), [1]);
    assert_eq!(pushed(c.next_aligned(at(130), 2, 41)), [(1, 125)]);
    c.offer(id(0), 100, 100);
    assert_eq!(c.next_aligned(at(160), 2, 42), Step::Wait(Some(82)));
    assert_eq!(c.dropped().map(|id| id.pad).collect::<Vec<_>>(), [0]);
    assert_eq!(pushed(c.next_aligned(at(160), 2, 82)), [], "the moment passes without a frame");
}

#[derive(Debug, Clone)]
enum Op {
    Offer(u32),
    End(u32),
    Step,
}

fn ops(lanes: u32) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..lanes).prop_map(Op::Offer),
        1 => (0..lanes).prop_map(Op::End),
        4 => Just(Op::Step),
    ];
    prop::collection::vec(op, 0..200)
}

proptest! {
    /// Whatever comes when: no frame is lost or changes places, no batch is larger than it may be, nobody gets more than a
    /// share, an end is said once and behind the last frame, and a batch is kept back only if somebody else's place is free.
    #[test]
    fn shares_are_even_and_nothing_is_lost(
        (lanes, ops) in (1u32..5).prop_flat_map(|lanes| (Just(lanes), ops(lanes))),
        batch_size in 1usize..6,
    ) {
        let rules = even(batch_size);
        let mut c = collector(lanes);
        let mut given = vec![0u32; lanes as usize];
        let mut seen = vec![0u32; lanes as usize];
        let mut ended = vec![false; lanes as usize];
        let mut said = vec![false; lanes as usize];
        let everything = (0..lanes).map(Op::End).chain(std::iter::repeat_n(Op::Step, 2000));
        for op in ops.into_iter().chain(everything) {
            match op {
                Op::Offer(pad) => {
                    let frame = given[pad as usize];
                    match c.offer(id(pad), 0, frame) {
                        Offer::Taken => given[pad as usize] += 1,
                        Offer::Closed => prop_assert!(ended[pad as usize]),
                        Offer::Full(same) => prop_assert_eq!(same, frame),
                    }
                }
                Op::End(pad) => {
                    ended[pad as usize] = true;
                    c.mark(id(pad), Mark::Ended);
                }
                Op::Step => match c.next(&rules, 0) {
                    Step::Say(id, mark) => {
                        prop_assert_eq!(mark, Mark::Ended);
                        prop_assert!(!std::mem::replace(&mut said[id.pad as usize], true));
                        prop_assert_eq!(seen[id.pad as usize], given[id.pad as usize]);
                    }
                    Step::Push(frames) => {
                        prop_assert!(!frames.is_empty() && frames.len() <= batch_size);
                        for (id, frame) in &frames {
                            prop_assert_eq!(*frame, seen[id.pad as usize]);
                            seen[id.pad as usize] += 1;
                        }
                        // a batch that is not full leaves only when nobody has more
                        let waiting: u32 = given.iter().zip(&seen).map(|(given, seen)| given - seen).sum();
                        prop_assert!(frames.len() == batch_size || waiting == 0);
                        if ended.iter().all(|ended| !ended) {
                            let (share, extra) = (batch_size / lanes as usize, batch_size % lanes as usize);
                            let counts = (0..lanes).map(|pad| frames.iter().filter(|(id, _)| id.pad == pad).count());
                            let beyond: usize = counts.map(|count| count.saturating_sub(share)).sum();
                            prop_assert!(beyond <= extra);
                        }
                    }
                    Step::Wait(until) => prop_assert_eq!(until, None),
                    Step::End => prop_assert!(said.iter().all(|said| *said)),
                    Step::NoSources => prop_assert!(false),
                },
            }
        }
        prop_assert_eq!(c.next(&rules, 0), Step::End);
        prop_assert_eq!(seen, given);
    }
}
