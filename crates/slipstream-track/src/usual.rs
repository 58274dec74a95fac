//! How confident a detector usually is in what is there.

/// Confidence that a detector is taken to have before it showed what it has: that of YOLOX in people and cars.
const EXPECTED: f32 = 0.75;
/// How much that counts: as much as so many detections of full confidence. Little, so that a class of which the detector is
/// never sure is known after two dozen looks.
const EXPECTED_COUNT: f32 = 1.0;
/// How many of them count at most: what was found long ago fades.
const MOST: f32 = 300.0;
/// Detectors have tens of classes; those beyond this are as others are expected to be.
const MOST_CLASSES: usize = 256;

/// Learns from all detections of a class how confident the detector is in its objects. Each counts with the square of its
/// confidence: the many weak ones of a detector that reports everything weigh next to nothing, and those of a class of which
/// it is never sure weigh enough.
#[derive(Debug, Default)]
pub(crate) struct UsualConfidence {
    classes: Vec<Class>,
}

#[derive(Debug)]
struct Class {
    id: i32,
    /// Sum of the squared confidences, and of the cubed ones.
    squares: f32,
    cubes: f32,
}

impl UsualConfidence {
    /// What it usually is for a class, in 0…1.
    pub(crate) fn of(&self, class_id: i32) -> f32 {
        let class = self.classes.iter().find(|class| class.id == class_id);
        class.map_or(EXPECTED, |class| class.cubes / class.squares)
    }

    /// Takes a detection into account.
    pub(crate) fn learn(&mut self, class_id: i32, confidence: f32) {
        let known = self.classes.iter().position(|class| class.id == class_id);
        if known.is_none() && self.classes.len() < MOST_CLASSES {
            let squares = EXPECTED_COUNT * EXPECTED * EXPECTED;
            self.classes.push(Class { id: class_id, squares, cubes: squares * EXPECTED });
        }
        let index = known.unwrap_or(self.classes.len().saturating_sub(1));
        let Some(class) = self.classes.get_mut(index).filter(|class| class.id == class_id) else { return };
        let square = confidence * confidence;
        class.squares += square;
        class.cubes += square * confidence;
        if class.squares > MOST {
            let fade = MOST / class.squares;
            class.squares *= fade;
            class.cubes *= fade;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_own_and_weak_detections_of_a_sure_class_do_not_count() {
        let mut usual = UsualConfidence::default();
        assert_eq!(usual.of(7), EXPECTED);
        for _ in 0..100 {
            usual.learn(0, 0.9);
            (0..10).for_each(|_| usual.learn(0, 0.1));
            usual.learn(1, 0.45);
        }
        assert!((usual.of(0) - 0.9).abs() < 0.1, "{}", usual.of(0));
        assert!((usual.of(1) - 0.45).abs() < 0.05, "{}", usual.of(1));
        // Another detector: what was found long ago fades.
        (0..10_000).for_each(|_| usual.learn(0, 0.4));
        assert!((usual.of(0) - 0.4).abs() < 0.05, "{}", usual.of(0));
        // No number of classes, and nothing that a class was, is too much.
        (0..100_000).for_each(|class| usual.learn(class, 0.0));
        assert!(usual.classes.len() <= MOST_CLASSES && usual.of(99_999) == EXPECTED);
    }
}
