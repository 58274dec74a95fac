//! Downloading a file whose SHA-256 is known, over connections that break.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Bytes that are read at a time.
const CHUNK: usize = 64 * 1024;
/// Most bytes of a file whose length is not known beforehand: more than any detector for cameras.
const MOST: u64 = 1 << 30;

/// What to download.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where it is. From an `https` address, redirects lead to `https` only.
    pub url: &'a str,
    /// Its length in bytes; `None` where only the server knows it.
    pub size: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal digits.
    pub sha256: &'a str,
}

/// How long to wait, and how often to try again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Longest time to set up a connection, and longest time in which nothing comes.
    pub silence: Duration,
    /// Attempts in a row that bring nothing new before giving up.
    pub attempts: u32,
    /// Wait after the first such attempt; it doubles with each further one.
    pub back_off: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), attempts: 5, back_off: Duration::from_secs(1) }
    }
}

/// What a download is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are there.
    At(u64),
    /// Something broke; the next attempt comes after a wait.
    Retry {
        /// What broke.
        reason: String,
        /// The wait.
        wait: Duration,
    },
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server has no such file, or gives it to nobody.
    #[error("{url}: the server says {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// The server cannot be talked to.
    #[error("{url}: {reason}")]
    Request {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// It is another file.
    #[error("{url}: wrong size: {found} bytes instead of {expected}; nothing was kept")]
    Size {
        /// What was asked for.
        url: String,
        /// Bytes of the server's file; at least so many where the server does not say.
        found: u64,
        /// Bytes of the right file.
        expected: u64,
    },
    /// It is another file of the same size.
    #[error("{url}: wrong SHA-256: {found} instead of {expected}; nothing was kept")]
    Hash {
        /// What was asked for.
        url: String,
        /// Of the server's file.
        found: String,
        /// Of the right file.
        expected: String,
    },
    /// It broke too often.
    #[error("{url}: {reason}; gave up after {attempts} attempts{}", resume(*.kept))]
    Broken {
        /// What was asked for.
        url: String,
        /// What broke in the end.
        reason: String,
        /// Attempts in a row that brought nothing new.
        attempts: u32,
        /// Bytes that are kept for the next time.
        kept: u64,
    },
    /// Another process downloads the same file.
    #[error("{}: another download of it is under way", path.display())]
    Busy {
        /// The unfinished file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn resume(kept: u64) -> String {
    if kept == 0 {
        String::new()
    } else {
        format!(". The same command goes on after the {kept} bytes that came")
    }
}

/// What ends an attempt early.
enum Failure {
    /// Worth another attempt.
    Passing(String),
    /// The file is another one: what came of it is worth nothing.
    Wrong(DownloadError),
    Final(DownloadError),
}

/// Downloads to `part`, going on where an earlier download was cut. On success the file is whole and verified; on failure,
/// what is left of it can be gone on with.
///
/// # Errors
/// If the server or the disk does not do its part, or the file is not the right one.
pub fn download(
    wanted: &Wanted<'_>,
    part: &Path,
    patience: &Patience,
    watch: &mut dyn FnMut(Progress),
) -> Result<(), DownloadError> {
    let mut part = Part::open(part)?;
    part.whole = wanted.size;
    if part.whole.is_some_and(|whole| part.length > whole) {
        part.truncate()?;
    }
    let agent = agent(wanted.url.starts_with("https:"), patience);
    let mut has_old_bytes = part.length > 0;
    let mut most = part.length;
    let mut failures = 0;
    loop {
        watch(Progress::At(part.length));
        let reason = match attempt(&agent, wanted, &mut part, watch) {
            Ok(()) => {
                let found = part.sha256()?;
                if found == wanted.sha256 {
                    return Ok(());
                }
                if !std::mem::take(&mut has_old_bytes) {
                    part.remove();
                    let (url, expected) = (wanted.url.to_owned(), wanted.sha256.to_owned());
                    return Err(DownloadError::Hash { url, found, expected });
                }
                // The bytes of an earlier time may be the bad ones.
                part.truncate()?;
                "what an earlier download left is damaged".to_owned()
            }
            Err(Failure::Passing(reason)) => reason,
            Err(Failure::Wrong(error)) => {
                part.remove();
                return Err(error);
            }
            Err(Failure::Final(error)) => {
                part.remove_if_empty();
                return Err(error);
            }
        };
        if part.length > most {
            most = part.length;
            failures = 0;
        }
        failures += 1;
        if failures >= patience.attempts {
            part.remove_if_empty();
            let (url, attempts, kept) = (wanted.url.to_owned(), failures, part.length);
            return Err(DownloadError::Broken { url, reason, attempts, kept });
        }
        let wait =
            patience.back_off.saturating_mul(1 << (failures - 1).min(16)).mul_f64(0.5 + fastrand::f64());
        watch(Progress::Retry { reason, wait });
        std::thread::sleep(wait);
    }
}

fn agent(is_https: bool, patience: &Patience) -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    Agent::config_builder()
        .tls_config(tls.build())
        .https_only(is_https)
        .http_status_as_error(false)
        .user_agent(concat!("slipstream/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(patience.silence))
        .timeout_connect(Some(patience.silence))
        .timeout_recv_response(Some(patience.silence))
        .timeout_per_read(Some(patience.silence))
        .build()
        .into()
}

/// Asks for what is missing and appends it. If all goes well, the file has its length.
fn attempt(
    agent: &Agent,
    wanted: &Wanted<'_>,
    part: &mut Part,
    watch: &mut dyn FnMut(Progress),
) -> Result<(), Failure> {
    if part.whole == Some(part.length) {
        return Ok(());
    }
    let mut request = agent.get(wanted.url).header(header::ACCEPT_ENCODING, "identity");
    if part.length > 0 {
        request = request.header(header::RANGE, format!("bytes={}-", part.length));
    }
    let response = request.call().map_err(|error| classify(&error, wanted.url))?;
    prepare(&response, wanted, part)?;

    let mut body = response.into_body().into_reader();
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Passing(format!("{error} after {} bytes", part.length))),
        };
        let most = part.whole.unwrap_or(MOST);
        if part.length + count as u64 > most {
            return Err(Failure::Wrong(wrong_size(wanted, part.length + count as u64, most)));
        }
        part.append(chunk.get(..count).unwrap_or_default()).map_err(Failure::Final)?;
        watch(Progress::At(part.length));
    }
    if let Some(whole) = part.whole.filter(|&whole| part.length < whole) {
        return Err(Failure::Passing(format!("cut after {} of {whole} bytes", part.length)));
    }
    Ok(())
}

/// Reads the head of an answer, and makes the file as long as the body begins at.
fn prepare(response: &Response<Body>, wanted: &Wanted<'_>, part: &mut Part) -> Result<(), Failure> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    match response.status() {
        StatusCode::OK => {
            let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
            check_size(length, wanted, part)?;
            // From the beginning: the server does not do ranges.
            part.truncate().map_err(Failure::Final)
        }
        StatusCode::PARTIAL_CONTENT => match text(header::CONTENT_RANGE).and_then(content_range) {
            Some((start, whole)) if start == part.length => check_size(whole, wanted, part),
            Some((_, Some(whole))) if part.whole.is_some_and(|known| known != whole) => {
                check_size(Some(whole), wanted, part)
            }
            _ => {
                part.truncate().map_err(Failure::Final)?;
                Err(Failure::Passing("the server sent another range than was asked for".into()))
            }
        },
        StatusCode::RANGE_NOT_SATISFIABLE if part.length > 0 => {
            part.truncate().map_err(Failure::Final)?;
            Err(Failure::Passing("the server has no such range".into()))
        }
        status
            if status.is_server_error()
                || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) =>
        {
            Err(Failure::Passing(format!("the server says {status}")))
        }
        status => Err(Failure::Final(DownloadError::Status { url: wanted.url.to_owned(), status })),
    }
}

/// Holds the length that the server tells against the one that is known, or takes it for that.
fn check_size(found: Option<u64>, wanted: &Wanted<'_>, part: &mut Part) -> Result<(), Failure> {
    match (found, part.whole) {
        (Some(found), Some(known)) if found != known => Err(Failure::Wrong(wrong_size(wanted, found, known))),
        (Some(found), None) if found > MOST => Err(Failure::Wrong(wrong_size(wanted, found, MOST))),
        (found, known) => {
            part.whole = known.or(found);
            Ok(())
        }
    }
}

/// First byte and length of the whole from `bytes 5-9/10` or `bytes 5-9/*` (RFC 9110 §14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
    Some((start.parse().ok()?, whole))
}

fn wrong_size(wanted: &Wanted<'_>, found: u64, expected: u64) -> DownloadError {
    DownloadError::Size { url: wanted.url.to_owned(), found, expected }
}

/// Whether what went wrong may pass.
fn classify(error: &ureq::Error, url: &str) -> Failure {
    let passes = match error {
        ureq::Error::Timeout(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Protocol(_) => true,
        // Certificates that are not good come as invalid data.
        ureq::Error::Io(error) => error.kind() != io::ErrorKind::InvalidData,
        _ => false,
    };
    if passes {
        Failure::Passing(error.to_string())
    } else {
        Failure::Final(DownloadError::Request { url: url.to_owned(), reason: error.to_string() })
    }
}

/// The unfinished file, held by this process alone.
struct Part {
    path: PathBuf,
    file: File,
    length: u64,
    /// Length of the whole file, once it is known.
    whole: Option<u64>,
}

impl Drop for Part {
    fn drop(&mut self) {
        // Closing is not enough while a process that is just being started has the file too.
        let _ = self.file.unlock();
    }
}

impl Part {
    fn open(path: &Path) -> Result<Self, DownloadError> {
        let failed = |source| DownloadError::Write { path: path.to_owned(), source };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(DownloadError::Busy { path: path.to_owned() }),
            // A file system without locks must do without.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Ok(()) => {}
        }
        let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, length, whole: None })
    }

    fn failed(&self, source: io::Error) -> DownloadError {
        DownloadError::Write { path: self.path.clone(), source }
    }

    fn truncate(&mut self) -> Result<(), DownloadError> {
        let done = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        done.map_err(|error| self.failed(error))?;
        self.length = 0;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Of what is on the disk, which from here on stays there.
    fn sha256(&mut self) -> Result<String, DownloadError> {
        let hash = |file: &mut File| {
            file.sync_all()?;
            file.seek(SeekFrom::Start(0))?;
            let hash = self::hash(&*file)?;
            file.seek(SeekFrom::End(0))?;
            Ok(hash)
        };
        hash(&mut self.file).map_err(|error| self.failed(error))
    }

    /// Takes the file away. If that fails, it is in nobody's way: the next download begins with it.
    fn remove(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        self.length = 0;
    }

    fn remove_if_empty(&mut self) {
        if self.length == 0 {
            self.remove();
        }
    }
}

/// SHA-256 of what `bytes` has, in lower-case hexadecimal digits.
///
/// # Errors
/// If it cannot be read.
pub fn hash(mut bytes: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match bytes.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => hasher.update(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
