//! Mean pictures: binary PPM (P6) and PGM (P5) files of 8 bits.

use slipstream_meta::Size;

/// A picture read from a file: interleaved channels, rows from the top.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pnm<'a> {
    pub(super) size: Size,
    pub(super) channels: usize,
    pub(super) pixels: &'a [u8],
}

/// Reads a file. The error says what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Pnm<'_>, &'static str> {
    let (magic, mut rest) = bytes.split_at_checked(2).ok_or("the file is empty")?;
    let channels = match magic {
        b"P6" => 3,
        b"P5" => 1,
        _ => return Err("not a binary PPM or PGM file (its first bytes are not P6 or P5)"),
    };
    let mut number = || {
        loop {
            match rest {
                [b'#', ..] => {
                    rest = &rest[rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())..];
                }
                [byte, tail @ ..] if byte.is_ascii_whitespace() => rest = tail,
                _ => break,
            }
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (text, tail) = rest.split_at(digits);
        rest = tail;
        std::str::from_utf8(text).ok().and_then(|text| text.parse::<u32>().ok()).ok_or("the header is broken")
    };
    let (width, height, greatest) = (number()?, number()?, number()?);
    if greatest != 255 {
        return Err("only files of 8 bits (greatest value 255) can be used");
    }
    let length =
        (width as usize).checked_mul(height as usize).and_then(|pixels| pixels.checked_mul(channels));
    // one blank ends the header
    let pixels =
        length.and_then(|length| rest.get(1..)?.get(..length)).ok_or("the file is too short for its size")?;
    Ok(Pnm { size: Size::new(width, height), channels, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ppm_with_comments() {
        let pnm = parse(b"P6\n# mean\n2 1\n255\nabcdef").unwrap();
        assert_eq!(pnm, Pnm { size: Size::new(2, 1), channels: 3, pixels: b"abcdef" });
        assert!(parse(b"P6 2 1 255\nabcde").is_err());
        assert!(parse(b"P6 4294967295 4294967295 255\n").is_err());
        assert!(parse(b"P6 #").is_err());
        assert!(parse(b"P").is_err());
    }
}
