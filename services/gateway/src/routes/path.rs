//! Paths that mean the same to everybody who reads them.
//!
//! A route's rule is worth something only if the service behind it reads the same path as the gateway did. So a path that
//! some reader would change (by resolving dots, merging slashes, decoding once more, cutting parameters off) is refused
//! instead of repaired (RFC 3986, sections 3.3 and 6.2.2).

/// Whether every reader takes this path for the same one.
pub(crate) fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let mut encoded = false;
    for byte in rest.bytes() {
        match byte {
            b'%' => encoded = true,
            // Segments and slashes, as RFC 3986 has them, but for the semicolon: some readers cut segments off there.
            b if b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&b) => {}
            _ => return false,
        }
    }
    !has_odd_segment(rest) && (!encoded || encodes_plain_text(rest))
}

/// An empty segment in the middle, or one of dots. A slash at the end is left to the route table, which knows no such path.
fn has_odd_segment(path: &str) -> bool {
    let segments = path.strip_suffix('/').unwrap_or(path);
    !path.is_empty()
        && segments
            .split('/')
            .any(|segment| matches!(segment, "" | "." | ".."))
}

/// Whether decoding gives UTF-8, and no character that has a meaning in paths or had no need of being encoded.
fn encodes_plain_text(path: &str) -> bool {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next().and_then(hex), bytes.next().and_then(hex))
        else {
            return false;
        };
        let byte = high << 4 | low;
        let changes_meaning = byte.is_ascii_alphanumeric()
            || byte.is_ascii_control()
            || matches!(
                byte,
                b'-' | b'.' | b'_' | b'~' | b'/' | b'\\' | b'%' | b';' | b'?' | b'#'
            );
        if changes_meaning {
            return false;
        }
        decoded.push(byte);
    }
    std::str::from_utf8(&decoded).is_ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_plain() {
        for path in [
            "/",
            "/api/v1/products",
            "/api/v1/products/mug-0.5l_(blue)",
            "/a/b.c/..d/e..",
            "/api/v1/products/",
            "/caf%C3%A9",
            "/a%20b",
            "/x:y@z",
        ] {
            assert!(is_plain(path), "{path}");
        }
    }

    #[test]
    fn paths_that_two_readers_may_read_differently_are_not() {
        for path in [
            "",
            "*",
            "api",
            "//",
            "//api",
            "/api//v1",
            "/api/v1//",
            "/.",
            "/..",
            "/api/./v1",
            "/api/../v1",
            "/api/..",
            "/api/%2e%2e/v1",
            "/api/%2E/v1",
            "/api/.%2e/v1",
            "/api%2fv1",
            "/api%2Fv1",
            "/api%5cv1",
            "/api\\v1",
            "/api/%00",
            "/api/%0d%0a",
            "/api/%61dmin",
            "/api/%252e%252e",
            "/api/%25",
            "/api/%",
            "/api/%2",
            "/api/%zz",
            "/api/%ff",
            "/api/%c3%28",
            "/api/%c0%ae",
            "/api/admin;x=1",
            "/api/admin%3bx",
            "/api/%3f",
            "/api/%23",
            "/api/é",
            "/api/a b",
            "/api/{id}",
            "/api/a|b",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
