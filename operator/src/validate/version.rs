//! Versions of the services.

use std::fmt;
use std::str::FromStr;

use super::{Parsing, Reason};

/// Three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Changes when something stops working as before.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
    /// Changes when something is mended.
    pub patch: u32,
}

/// A text is no [`Version`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is three numbers, such as 0.1.0")]
pub struct VersionError;

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let number = |text: Option<&str>| {
            let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            text.and_then(|text| text.parse().ok()).ok_or(VersionError)
        };
        let mut parts = text.split('.');
        let version = Self {
            major: number(parts.next())?,
            minor: number(parts.next())?,
            patch: number(parts.next())?,
        };
        if parts.next().is_some() || version.to_string() != text {
            return Err(VersionError);
        }
        Ok(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The version of the services: what the spec says, or this operator's own.
pub(super) fn of(parsing: &mut Parsing<'_>) -> String {
    let (oldest, newest) = (parsing.operator.oldest, parsing.operator.newest);
    let Some(asked) = &parsing.spec.version else {
        return newest.to_string();
    };
    let is_supported = asked
        .parse()
        .is_ok_and(|version| (oldest..=newest).contains(&version));
    parsing.findings.expect(is_supported, Reason::VersionNotSupported, || {
        format!(
            "version is {asked}, and this operator runs {oldest} to {newest}: write one of these, or install another operator"
        )
    });
    asked.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers_and_compared_as_such() {
        for text in ["0.1.0", "1.20.300"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "1.2.3-rc.1",
            "1.02.3",
            "1.+2.3",
            "1.2.99999999999",
        ] {
            assert_eq!(text.parse::<Version>(), Err(VersionError), "{text}");
        }
        assert!("0.10.0".parse::<Version>().unwrap() > "0.9.9".parse().unwrap());
    }
}
