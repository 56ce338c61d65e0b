//! The generated JSON Schemas: what `crates/contracts/schemas/` holds.

use crate::event::EventType;

/// The file name and content of every schema, in the order of [`EventType::ALL`].
pub fn files() -> Result<Vec<(String, String)>, serde_json::Error> {
    EventType::ALL
        .iter()
        .map(|event_type| {
            let mut schema = event_type.json_schema();
            schema.insert("title".to_owned(), event_type.as_str().into());
            let text = serde_json::to_string_pretty(&schema)?;
            Ok((format!("{event_type}.schema.json"), text + "\n"))
        })
        .collect()
}
