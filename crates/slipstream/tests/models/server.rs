//! An HTTP server that has bad days.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;

/// Path and range of requests.
pub(crate) type Requests = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// What the server does with one request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// What was asked for.
    Good,
    /// The whole file, whatever was asked for.
    NoRanges,
    /// Promises all, and closes after so many bytes.
    Cut(usize),
    /// The same of the whole file, whatever was asked for.
    CutNoRanges(usize),
    /// Promises all, and falls silent after so many bytes.
    Silence(usize),
    /// Nothing but a status.
    Status(&'static str),
    /// Elsewhere on the same server.
    Redirect(&'static str),
    /// The file in a range that was not asked for.
    OtherRange,
    /// No length, and the end of the connection as the end of the file.
    NoLength,
}

/// Serves one file on a port of this machine.
pub(crate) struct Server {
    pub(crate) address: String,
    /// All so far.
    pub(crate) requests: Requests,
}

impl Server {
    /// Serves `file` at every path, with one answer for each request; the last holds for all further ones.
    pub(crate) fn start(file: &[u8], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (file, answers, seen) = (file.to_owned(), answers.to_owned(), Arc::clone(&requests));
        std::thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
                let answer = answers[count.min(answers.len() - 1)];
                // A client that went away is no fault of the server.
                let _ = serve(&stream.unwrap(), &file, answer, &seen);
            }
        });
        Self { address, requests }
    }

    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        self.requests.lock().iter().map(|(_, range)| range.clone()).collect()
    }
}

fn serve(mut stream: &TcpStream, file: &[u8], answer: Answer, seen: &Requests) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next().unwrap()?.split(' ').nth(1).unwrap().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        range = line.strip_prefix("range: bytes=").map(ToOwned::to_owned).or(range);
    }
    seen.lock().push((path, range.clone()));
    let start = match (&range, answer) {
        (_, Answer::NoRanges | Answer::CutNoRanges(_) | Answer::NoLength) | (None, _) => None,
        (Some(range), _) => Some(range.trim_end_matches('-').parse::<usize>().unwrap()),
    };
    let body = &file[start.unwrap_or(0)..];
    let mut head =
        |status: &str, fields: &str| write!(stream, "HTTP/1.1 {status}\r\n{fields}Connection: close\r\n\r\n");
    let length = format!("Content-Length: {}\r\n", body.len());
    match (answer, start) {
        (Answer::Status(status), _) => return head(status, "Content-Length: 0\r\n"),
        (Answer::Redirect(to), _) => {
            return head("302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"));
        }
        (Answer::OtherRange, _) => {
            head("206 Partial Content", &format!("{length}Content-Range: bytes 1-2/{}\r\n", file.len()))?;
        }
        (Answer::NoLength, _) => head("200 OK", "")?,
        (_, None) => head("200 OK", &length)?,
        (_, Some(start)) => {
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", file.len() - 1, file.len());
            head("206 Partial Content", &(length + &range))?;
        }
    }
    match answer {
        Answer::Cut(count) | Answer::CutNoRanges(count) => stream.write_all(&body[..count.min(body.len())]),
        Answer::Silence(count) => {
            stream.write_all(&body[..count.min(body.len())])?;
            // Until the client has had enough.
            stream.read(&mut [0]).map(|_| ())
        }
        _ => stream.write_all(body),
    }
}
