//! What the gateway may answer in a service's place, added to the description of each operation that it forwards.

use serde_json::{Map, Value, json};

use crate::routes::{Access, Route};

/// Statuses and their codes on any route.
const ALWAYS: [(&str, &[&str]); 8] = [
    (
        "400",
        &[
            "invalid_path",
            "host_missing",
            "invalid_header",
            "duplicate_header",
        ],
    ),
    ("414", &["uri_too_long"]),
    ("429", &["too_many_requests"]),
    ("431", &["headers_too_large"]),
    ("500", &["internal_error"]),
    ("502", &["upstream_failed"]),
    ("503", &["upstream_unavailable"]),
    ("504", &["upstream_timeout"]),
];
/// Besides, where a body is sent.
const WITH_BODY: [(&str, &[&str]); 3] = [
    ("400", &["incomplete_body"]),
    ("408", &["request_timeout"]),
    ("413", &["payload_too_large"]),
];
/// Besides, where a token is asked for.
const SIGNED_IN: [(&str, &[&str]); 2] = [
    ("401", &["token_missing", "token_expired", "token_invalid"]),
    ("503", &["keys_unavailable"]),
];
/// Besides, where a role or scope is asked for.
const RESTRICTED: [(&str, &[&str]); 1] = [("403", &["insufficient_scope"])];

/// Adds the gateway's codes to an operation's responses; what the service says of the same status stays in front.
pub(super) fn add(operation: &mut Map<String, Value>, route: &Route) {
    let mut answers = ALWAYS.to_vec();
    if operation.contains_key("requestBody") {
        answers.extend(WITH_BODY);
    }
    if route.access != Access::Public {
        answers.extend(SIGNED_IN);
    }
    if matches!(route.access, Access::Roles(_) | Access::Scopes(_)) {
        answers.extend(RESTRICTED);
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut() {
        for (status, codes) in answers {
            add_codes(responses, status, codes);
        }
    }
}

fn add_codes(responses: &mut Map<String, Value>, status: &str, codes: &[&str]) {
    let response = responses.entry(status).or_insert_with(|| {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        json!({"description": "", "content": {"application/problem+json": {"schema": schema}}})
    });
    let Some(Value::String(text)) = response.get_mut("description") else {
        return;
    };
    for code in codes {
        let code = format!("`{code}`");
        if !text.contains(&code) {
            let separator = if text.is_empty() { "" } else { ", " };
            *text = format!("{text}{separator}{code}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_added_behind_the_service_s_own_and_never_twice() {
        let mut responses = json!({"503": {"description": "`unavailable`, `keys_unavailable`"}});
        let responses = responses.as_object_mut().unwrap();
        add_codes(responses, "503", &["keys_unavailable"]);
        add_codes(responses, "503", &["upstream_unavailable"]);
        add_codes(responses, "504", &["upstream_timeout"]);
        assert_eq!(
            Value::Object(responses.clone()),
            json!({
                "503": {"description": "`unavailable`, `keys_unavailable`, `upstream_unavailable`"},
                "504": {"description": "`upstream_timeout`", "content": {"application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"}}}},
            })
        );
    }
}
