//! Where a picture comes from: parsing of inputs, their names, and the hiding of credentials.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What stands in the place of anything secret.
const HIDDEN: &str = "***";

/// Names of query parameters (and of the `name=value` paths that some cameras use) whose values are secret.
/// Longer names come first, so that `password` is not taken for `pass`.
const SECRET_NAMES: [&str; 16] = [
    "access_token",
    "username",
    "password",
    "passwort",
    "user-id",
    "user-pw",
    "passwd",
    "api_key",
    "apikey",
    "secret",
    "token",
    "login",
    "pass",
    "user",
    "auth",
    "pwd",
];

/// Why a text is no input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Nothing was given.
    #[error("an input is empty")]
    Empty,
    /// The part before `://` is not one that can be read.
    #[error("{input}: cannot read {scheme}://; an input is {ALLOWED}")]
    Scheme {
        /// What was given, without credentials.
        input: String,
        /// Its scheme.
        scheme: String,
    },
    /// There is no host between `://` and the path.
    #[error("{input}: the host is missing; a camera is written rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH")]
    Host {
        /// What was given, without credentials.
        input: String,
    },
    /// What stands after the host is no port.
    #[error("{input}: {port:?} is no port; a port is a number from 1 to 65535")]
    Port {
        /// What was given, without credentials.
        input: String,
        /// What stands in the place of the port.
        port: String,
    },
    /// A `file://` URI that names another machine, or holds bytes that are no path.
    #[error("{input}: not a local file; a file is written file:///PATH or simply PATH")]
    File {
        /// What was given.
        input: String,
    },
}

const ALLOWED: &str = "rtsp://…, rtsps://…, http://…, https://…, file://…, /dev/videoN or the path of a file";

/// Name and password for a camera, a web server, or our own output.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name, not percent-encoded.
    pub user: String,
    /// The password, not percent-encoded.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// An address on the network, its credentials kept apart.
#[derive(Clone, PartialEq, Eq)]
pub struct NetworkUri {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    /// Path and query as given, from the first `/` or `?`; may be empty.
    rest: String,
    credentials: Option<Credentials>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Rtsp,
    Rtsps,
    Http,
    Https,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Rtsp => 554,
            Self::Rtsps => 322,
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl NetworkUri {
    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port given, or else the scheme's own.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Name and password, to be handed over apart from the [`location`](Self::location).
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The address without credentials. It may still hold secrets in its query: not for printing.
    pub fn location(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{}", self.scheme.as_str(), self.host, self.rest)
    }
}

impl fmt::Display for NetworkUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = redact(&self.location());
        match (&self.credentials, location.split_once("://")) {
            (Some(_), Some((scheme, rest))) => write!(f, "{scheme}://{HIDDEN}@{rest}"),
            _ => f.write_str(&location),
        }
    }
}

impl fmt::Debug for NetworkUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One source of pictures. `Display` and `Debug` never show credentials.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// A camera, `rtsp://` or `rtsps://`.
    Rtsp(NetworkUri),
    /// Anything that a web server delivers, `http://` or `https://`.
    Http(NetworkUri),
    /// A local file.
    File(PathBuf),
    /// A camera at this machine, `/dev/videoN`.
    Device(PathBuf),
}

impl Input {
    /// Whether pictures come in their own time. Files wait to be read.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Rtsp(_) | Self::Device(_))
    }

    /// What to call this input, the `number`th counted from 1: `camera 3 (192.168.1.20)`, or a file's name
    /// without its ending.
    pub fn name(&self, number: usize) -> String {
        match self {
            Self::Rtsp(uri) | Self::Http(uri) => format!("camera {number} ({})", uri.host()),
            Self::Device(path) => format!("camera {number} ({})", file_name(path)),
            Self::File(path) => {
                path.file_stem().map_or_else(|| file_name(path), |stem| stem.to_string_lossy().into_owned())
            }
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned()
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp(uri) | Self::Http(uri) => uri.fmt(f),
            Self::File(path) | Self::Device(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Input {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UriError::Empty);
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return Ok(from_path(PathBuf::from(text)));
        };
        match scheme.to_ascii_lowercase().as_str() {
            // The `u` and `t` forms of GStreamer ask for a transport; here a setting does that.
            "rtsp" | "rtspt" | "rtspu" => Ok(Self::Rtsp(parse_network(Scheme::Rtsp, rest, text)?)),
            "rtsps" => Ok(Self::Rtsp(parse_network(Scheme::Rtsps, rest, text)?)),
            "http" => Ok(Self::Http(parse_network(Scheme::Http, rest, text)?)),
            "https" => Ok(Self::Http(parse_network(Scheme::Https, rest, text)?)),
            "file" => url::Url::parse(text)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .map(from_path)
                .ok_or_else(|| UriError::File { input: redact(text) }),
            _ => Err(UriError::Scheme { input: redact(text), scheme: redact(scheme) }),
        }
    }
}

fn from_path(path: PathBuf) -> Input {
    if path.to_string_lossy().starts_with("/dev/video") { Input::Device(path) } else { Input::File(path) }
}

/// `scheme` and what follows `://`.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

/// Reads what follows `://`. People paste passwords as they are, so `#`, `?`, `/` and `,` in a password are
/// understood where RFC 3986 wants them percent-encoded, as long as nothing else can be meant.
fn parse_network(scheme: Scheme, rest: &str, whole: &str) -> Result<NetworkUri, UriError> {
    let strict_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..strict_end].rfind('@').or_else(|| {
        // No name ends before the path begins. Before a slash it is `HOST:PORT` only if the port is one; before
        // `#` and `?`, which no camera has there, an `@` further on tells.
        let is_password = match (rest[strict_end..].chars().next(), rest[..strict_end].rsplit_once(':')) {
            (Some('/'), Some((_, port))) => port.parse::<u16>().is_err() && !port.ends_with(']'),
            (Some(_), Some(_)) => true,
            _ => false,
        };
        rest.find('@').filter(|_| is_password)
    });
    let (credentials, host_and_rest) = match at {
        Some(at) => (Some(parse_credentials(&rest[..at])), &rest[at + 1..]),
        None => (None, rest),
    };
    let host_end = host_and_rest.find(['/', '?', '#']).unwrap_or(host_and_rest.len());
    let (host_port, rest) = host_and_rest.split_at(host_end);
    let (host, port) = match host_port.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host_port, None),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(UriError::Host { input: redact(whole) });
    }
    let port = match port {
        None | Some("") => None,
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            // It may be half of a password.
            _ => return Err(UriError::Port { input: redact(whole), port: redact_port(text, &credentials) }),
        },
    };
    let rest = rest.split('#').next().unwrap_or_default().to_owned();
    Ok(NetworkUri { scheme, host: host.to_owned(), port, rest, credentials })
}

/// A bad port is shown only if it cannot be a part of a password.
fn redact_port(text: &str, credentials: &Option<Credentials>) -> String {
    let harmless = credentials.is_some() || text.bytes().all(|b| b.is_ascii_digit());
    if harmless { text.to_owned() } else { HIDDEN.to_owned() }
}

fn parse_credentials(text: &str) -> Credentials {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    Credentials { user: percent_decode(user), password: percent_decode(password) }
}

/// Undoes percent-encoding; a `%` that begins no code stands for itself.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = (byte == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// A list of inputs in one text, as in `RTSPINPUT`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputList(pub Vec<Input>);

impl FromStr for InputList {
    type Err = UriError;

    /// Splits at commas. After a URI, a comma starts the next input only if a scheme, `/`, `./` or `../` follows:
    /// commas in passwords, paths and queries stay where they are. Empty items are skipped.
    fn from_str(text: &str) -> Result<Self, UriError> {
        let mut items: Vec<String> = Vec::new();
        for piece in text.split(',') {
            let trimmed = piece.trim();
            let starts =
                split_scheme(trimmed).is_some() || ["/", "./", "../"].iter().any(|p| trimmed.starts_with(p));
            match items.last_mut() {
                Some(last) if !starts && split_scheme(last.trim()).is_some() && !trimmed.is_empty() => {
                    last.push(',');
                    last.push_str(piece);
                }
                _ => items.push(piece.to_owned()),
            }
        }
        let inputs = items.iter().filter(|item| !item.trim().is_empty()).map(|item| item.parse());
        Ok(Self(inputs.collect::<Result<_, _>>()?))
    }
}

/// The same text without credentials: what stands between `scheme://` and `@`, the values of secret query
/// parameters, and `Authorization` headers. Everything that is logged or printed goes through it.
pub fn redact(text: &str) -> String {
    redact_headers(&redact_parameters(&redact_authorities(text)))
}

/// Hides what stands between `:/` and the last `@` of a word.
fn redact_authorities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(":/") {
        let after = rest[start..].find(|c| c != ':' && c != '/').map_or(rest.len(), |n| start + n);
        out.push_str(&rest[..after]);
        let word_end =
            rest[after..].find(|c: char| c.is_whitespace() || c == '"').map_or(rest.len(), |n| after + n);
        // The next URI of a list is the next round's.
        let next = rest[after..word_end].find("://").map_or(word_end, |n| after + n);
        match rest[after..next].rfind('@') {
            Some(at) => {
                out.push_str(HIDDEN);
                rest = &rest[after + at..];
            }
            None => rest = &rest[after..],
        }
    }
    out.push_str(rest);
    out
}

/// Hides the value of every `name=value` whose name is secret.
fn redact_parameters(text: &str) -> String {
    // ASCII case folding keeps every byte where it is.
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(equals) = lower[at..].find('=').map(|n| at + n) {
        let is_secret = SECRET_NAMES.iter().any(|name| {
            lower[at..equals].strip_suffix(name).is_some_and(|before| {
                !before.ends_with(|c: char| c.is_ascii_alphanumeric()) || before.ends_with("rtsp")
            })
        });
        out.push_str(&text[at..=equals]);
        at = equals + 1;
        if is_secret {
            out.push_str(HIDDEN);
            at += value_length(&lower[at..]);
        }
    }
    out.push_str(&text[at..]);
    out
}

/// How long the value at the start of `text` is. Values end at `&`, `;`, white space or a quote, and before
/// `_name=`, with which some cameras join parameters in a path.
fn value_length(text: &str) -> usize {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.find('"').map_or(text.len(), |n| n + 2);
    }
    let end =
        text.find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | '"' | '\'')).unwrap_or(text.len());
    let joined = text[..end].match_indices('_').map(|(at, _)| at).find(|at| {
        let after = &text[at + 1..end];
        let name = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(0);
        name > 0 && after[name..].starts_with('=')
    });
    joined.unwrap_or(end)
}

/// Hides what follows `Authorization:` to the end of its line.
fn redact_headers(text: &str) -> String {
    const HEADER: &str = "authorization:";
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(end) = lower[at..].find(HEADER).map(|n| at + n + HEADER.len()) {
        out.push_str(&text[at..end]);
        out.push(' ');
        out.push_str(HIDDEN);
        at = lower[end..].find(['\r', '\n']).map_or(text.len(), |n| end + n);
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests;
