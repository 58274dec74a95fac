//! Where this code lies.

use std::path::PathBuf;

/// The file that this code was loaded from: the program, or a library such as a plugin of GStreamer, whose program is
/// another's. `None` where the system does not tell.
pub(crate) fn own_file() -> Option<PathBuf> {
    let address = own_file as fn() -> Option<PathBuf> as usize;
    // Lines of "from-to permissions offset device inode path", see proc_pid_maps(5).
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let bound = |digits| usize::from_str_radix(digits, 16).ok();
        let is_here = (bound(from)?..bound(to)?).contains(&address);
        is_here.then(|| rest.splitn(5, ' ').last().map(str::trim)).flatten()
    })?;
    PathBuf::from(path).canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::own_file;

    #[test]
    fn a_program_s_code_lies_in_the_program() {
        assert_eq!(own_file(), std::env::current_exe().unwrap().canonicalize().ok());
    }
}
