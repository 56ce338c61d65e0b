//! Postal addresses: what an address book keeps and an order is sent to.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

/// One line of an address: 1 to 200 characters without line breaks, trimmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 200)]
pub struct AddressText(String);

impl AddressText {
    /// The most characters a line has.
    pub const MAX_CHARS: usize = 200;

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not an [`AddressText`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of an address is 1 to 200 characters without control characters")]
pub struct AddressTextError;

impl TryFrom<&str> for AddressText {
    type Error = AddressTextError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let text = text.trim();
        let fits = (1..=Self::MAX_CHARS).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AddressTextError)
        }
    }
}

impl<'de> Deserialize<'de> for AddressText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::try_from(text.as_ref()).map_err(serde::de::Error::custom)
    }
}

/// The officially assigned codes of ISO 3166-1 alpha-2.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET \
    FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ \
    IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML \
    MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS \
    PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL \
    TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// A country of ISO 3166-1 alpha-2, such as `DE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Z]{2}$", example = "DE")]
pub struct Country(String);

impl Country {
    /// Its code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a [`Country`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a country code of ISO 3166-1 alpha-2, such as DE")]
pub struct CountryError;

impl TryFrom<&str> for Country {
    type Error = CountryError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        if COUNTRIES
            .split_ascii_whitespace()
            .any(|known| known == text)
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(CountryError)
        }
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::try_from(text.as_ref()).map_err(serde::de::Error::custom)
    }
}

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ShippingAddress)]
pub struct Address {
    /// Who receives it.
    pub name: AddressText,
    /// Street and house.
    pub line1: AddressText,
    /// Floor, building, care of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<AddressText>,
    /// Postal code.
    pub postal_code: AddressText,
    /// City.
    pub city: AddressText,
    /// State, province or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<AddressText>,
    /// Country.
    pub country: Country,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed() {
        assert_eq!(
            AddressText::try_from("  Main Street 1 ").map(|line| line.as_str().to_owned()),
            Ok("Main Street 1".to_owned())
        );
    }

    #[test]
    fn empty_long_and_broken_lines_are_refused() {
        let long = "ä".repeat(201);
        for text in ["", "   ", "a\nb", "a\0b", long.as_str()] {
            assert_eq!(AddressText::try_from(text), Err(AddressTextError));
        }
        assert!(AddressText::try_from("ä".repeat(200).as_str()).is_ok());
    }

    #[test]
    fn only_assigned_country_codes_are_countries() {
        assert!(Country::try_from("DE").is_ok());
        for text in ["de", "ZZ", "DEU", "", "UK"] {
            assert_eq!(Country::try_from(text), Err(CountryError), "{text}");
        }
    }
}
