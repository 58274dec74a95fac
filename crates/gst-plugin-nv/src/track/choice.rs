//! Which tracker it is to be: what DeepStream's file names stand for here.

use std::collections::HashMap;
use std::path::Path;

use slipstream_track::{ConfigError, TrackerConfig};

/// What file names of DeepStream's trackers hold, in lower case, and the name of the tracker that stands in for them where the
/// file is not there.
const STAND_INS: [(&str, &str); 7] = [
    ("nvdeepsort", "slip"),
    ("deepsort", "slip"),
    ("nvsort", "sort"),
    ("dcf", "slip"),
    ("iou", "iou"),
    ("klt", "slip"),
    ("masktracker", "slip"),
];

/// Why `sub-batches` cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "sub-batches={value}: {part:?} is none of what is allowed: numbers of sources as in \"0,1;2,3\", or sizes as in \"2:2\""
)]
pub(super) struct SubBatchError {
    value: String,
    part: String,
}

/// The tracker that stands in for a file of this name.
fn stand_in(path: &str) -> Option<&'static str> {
    let name = Path::new(path).file_name()?.to_string_lossy().to_lowercase();
    STAND_INS.iter().find(|(part, _)| name.contains(part)).map(|&(_, tracker)| tracker)
}

/// The tracker that a config file (or, beyond DeepStream, a name) asks for. Notices for the user are handed to `tell`.
pub(super) fn from_config(choice: &str, tell: &mut dyn FnMut(String)) -> Result<TrackerConfig, ConfigError> {
    if TrackerConfig::is_file(choice)
        && !Path::new(choice).exists()
        && let Some(name) = stand_in(choice)
    {
        tell(format!(
            "ll-config-file={choice} is not there: the tracker {name:?} is taken, with its usual settings"
        ));
        return TrackerConfig::named(name);
    }
    let (config, notices) = TrackerConfig::choose(choice)?;
    notices.into_iter().for_each(|notice| tell(notice.to_string()));
    Ok(config)
}

/// The tracker where no config file is named: by the library.
pub(super) fn from_library(library: Option<&str>) -> Result<TrackerConfig, ConfigError> {
    let name = library.and_then(stand_in).unwrap_or(TrackerConfig::NAMES[0]);
    TrackerConfig::named(name)
}

/// The sub-batch of each source.
pub(super) fn sub_batches(value: &str) -> Result<HashMap<u32, usize>, SubBatchError> {
    let wrong = |part: &str| SubBatchError { value: value.to_owned(), part: part.to_owned() };
    let number = |part: &str| part.trim().parse::<u32>().map_err(|_| wrong(part));
    let mut choice = HashMap::new();
    if value.contains(':') {
        let mut next = 0u32;
        for (index, part) in value.split(':').enumerate() {
            let end = next.saturating_add(number(part)?);
            // A source has a pad of its own; there are no more of them than this.
            if end > MAX_SOURCES {
                return Err(wrong(part));
            }
            choice.extend((next..end).map(|source| (source, index)));
            next = end;
        }
    } else {
        for (index, part) in value.split(';').filter(|part| !part.trim().is_empty()).enumerate() {
            for source in part.split(',') {
                choice.insert(number(source)?, index);
            }
        }
    }
    Ok(choice)
}

/// Most sources of all sub-batches together.
const MAX_SOURCES: u32 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deepstreams_files_have_stand_ins() {
        for (file, tracker) in [
            (
                "/opt/nvidia/deepstream/deepstream/samples/configs/deepstream-app/config_tracker_NvDCF_perf.yml",
                "slip",
            ),
            ("../../config_tracker_IOU.yml", "iou"),
            ("config_tracker_NvSORT.yml", "sort"),
            ("config_tracker_NvDeepSORT.yml", "slip"),
            ("/opt/nvidia/deepstream/deepstream-5.0/lib/libnvds_mot_klt.so", "slip"),
            ("/opt/nvidia/deepstream/deepstream-5.0/lib/libnvds_mot_iou.so", "iou"),
        ] {
            assert_eq!(stand_in(file), Some(tracker), "{file}");
        }
        assert_eq!(stand_in("libnvds_nvmultiobjecttracker.so"), None);
        let mut told = Vec::new();
        let config = from_config("/nowhere/config_tracker_IOU.yml", &mut |line| told.push(line)).unwrap();
        assert_eq!(config, TrackerConfig::named("iou").unwrap());
        assert!(told.len() == 1 && told[0].contains("/nowhere/config_tracker_IOU.yml"), "{told:?}");
        assert!(from_config("/nowhere/my_tracker.yml", &mut |_| ()).is_err());
    }

    #[test]
    fn sub_batches_are_lists_or_sizes() {
        let of = |value| {
            let mut all: Vec<_> = sub_batches(value).unwrap().into_iter().collect();
            all.sort_unstable();
            all
        };
        assert_eq!(of("0,2;1"), [(0, 0), (1, 1), (2, 0)]);
        assert_eq!(of("2:1"), [(0, 0), (1, 0), (2, 1)]);
        assert_eq!(of(""), []);
        for wrong in ["a", "0,x;1", "2:y", "4000000000:4000000000"] {
            assert!(sub_batches(wrong).is_err(), "{wrong}");
        }
    }
}
