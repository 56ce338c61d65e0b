//! `samples/<type>.json` is a message as it was sent when the type was released. Nothing rewrites a sample: it
//! proves that old messages (replays, resyncs, parked ones) are still understood.

use std::fs;

use contracts::{EventType, Payload};

fn sample(event_type: EventType) -> String {
    let path = format!("samples/{event_type}.json");
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{path}: {error}: every type has a golden sample"))
}

#[test]
fn every_golden_sample_is_understood_and_written_back_the_same() {
    for event_type in EventType::ALL {
        let text = sample(*event_type);
        let payload = Payload::from_json(*event_type, &text).unwrap();
        let written: serde_json::Value = serde_json::from_str(&payload.to_json().unwrap()).unwrap();
        let released: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(written, released, "{event_type}");
    }
}
