// SPDX-License-Identifier: Apache-2.0
//! What the platform and the app say to each other: docs/contracts, action, results and turn, as JSON or in the compact
//! form, in which fields have a NUL between them. JSON begins with `{`.

use serde_json::{Value, json};

pub struct Request {
    pub action: u64,
    pub method: String,
    pub path: String,
}

impl Request {
    pub fn read(text: &str) -> Request {
        if text.starts_with('{') {
            let found: Value = serde_json::from_str(text).unwrap_or_default();
            let field = |name: &str| found["request"][name].as_str().unwrap_or_default().to_string();
            let action = found["action"].as_u64().unwrap_or_default();
            return Request { action, method: field("method"), path: field("path") };
        }
        let mut fields = text.split('\0');
        let action = fields.next().and_then(|number| number.parse().ok()).unwrap_or_default();
        let mut field = |skipped: usize| fields.nth(skipped).unwrap_or_default().to_string();
        Request { action, method: field(1), path: field(0) }
    }
}

pub enum Outcome {
    Value(Value),
    Problem(Value),
    Cancelled,
}

/// The number of the action, and the outcome of its one call.
pub fn outcome(text: &str) -> (u64, Outcome) {
    if text.starts_with('{') {
        let found: Value = serde_json::from_str(text).unwrap_or_default();
        let action = found["action"].as_u64().unwrap_or_default();
        let result = &found["results"]["1"];
        return match result.get("problem") {
            _ if found["cancel"] == true => (action, Outcome::Cancelled),
            Some(problem) => (action, Outcome::Problem(problem.clone())),
            None => (action, Outcome::Value(result["ok"].clone())),
        };
    }
    let mut fields = text.splitn(3, '\0');
    let action = fields.next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let value = fields.nth(1).map_or(Value::Null, Value::from);
    (action, Outcome::Value(value))
}

pub fn calls(call: Value) -> String {
    json!({"calls": [call]}).to_string()
}

/// A response of JSON, and what is stored with it.
pub fn done(body: Value, writes: Value) -> String {
    let headers = json!([["content-type", "application/json"]]);
    let response = json!({"status": 200, "headers": headers, "body": {"text": body.to_string()}});
    json!({"done": {"response": response, "writes": writes}}).to_string()
}

pub fn failed(code: &str, detail: &str) -> String {
    json!({"failed": {"code": code, "detail": detail}}).to_string()
}
