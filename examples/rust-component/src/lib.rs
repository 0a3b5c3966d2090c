// SPDX-License-Identifier: Apache-2.0
//! An app in Rust: it counts visits in its state, asks a connector for a rate, and waits for a moment.
//!
//! The platform calls `start` with a request. The answer is a turn: either the response, or calls whose results come
//! with `resume`. Many requests are under way at once, so what one waits for is kept by the number of its action.

mod messages;

use messages::{Outcome, Request, calls, done, failed, outcome};
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;

wit_bindgen::generate!({ world: "app", path: "../../runtime-image/wit" });

use genapps::app::host;

/// What a request does when the result of its call is there.
enum Step {
    CountVisit(String),
    TellRate,
    SayLater,
}

thread_local! {
    static WAITING: RefCell<BTreeMap<u64, Step>> = const { RefCell::new(BTreeMap::new()) };
}

struct App;

impl Guest for App {
    fn load(_bundle: String) -> Result<String, String> {
        // A panic ends the instance. Without this nobody would know of what.
        std::panic::set_hook(Box::new(|panic| {
            let record = json!({"level": "error", "message": panic.to_string()});
            host::log(&record.to_string());
        }));
        let routes = json!({"routes": ["GET /", "GET /hello/{name}", "GET /rate/{currency}", "GET /later"]});
        Ok(routes.to_string())
    }

    fn start(action: String) -> String {
        let request = Request::read(&action);
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", [""]) => done(json!({"hello": request.path}), json!([])),
            ("GET", ["hello", name]) => {
                let key = format!("visits/{name}");
                let turn = calls(json!({"id": 1, "get": {"key": key}}));
                wait(request.action, Step::CountVisit(key), turn)
            }
            ("GET", ["rate", currency]) => {
                let tool = json!({"connector": "exchange-rates", "tool": "latest", "arguments": {"currency": currency}});
                wait(request.action, Step::TellRate, calls(json!({"id": 1, "tool": tool})))
            }
            ("GET", ["later"]) => {
                let turn = calls(json!({"id": 1, "timer": {"millis": 20}}));
                wait(request.action, Step::SayLater, turn)
            }
            ("GET", ["panic"]) => panic!("asked to"),
            _ => failed("RouteNotFound", &format!("no route for {}", request.path)),
        }
    }

    fn resume(results: String) -> String {
        let (action, outcome) = outcome(&results);
        let Some(step) = WAITING.with_borrow_mut(|waiting| waiting.remove(&action)) else {
            return failed("AppFailed", "nothing waits for this result");
        };
        match (step, outcome) {
            (_, Outcome::Cancelled) => failed("Cancelled", ""),
            (_, Outcome::Problem(problem)) => failed("ToolFailed", &problem.to_string()),
            (Step::CountVisit(key), Outcome::Value(found)) => {
                let visits = found.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) + 1;
                done(json!({"visits": visits}), json!([[key, visits.to_string()]]))
            }
            (Step::TellRate, Outcome::Value(found)) => done(json!({"rate": found["rate"]}), json!([])),
            (Step::SayLater, Outcome::Value(_)) => done(json!("later"), json!([])),
        }
    }

    fn fallback(action: String) -> String {
        let _ = action;
        done(json!({"fallback": true}), json!([]))
    }
}

fn wait(action: u64, step: Step, turn: String) -> String {
    WAITING.with_borrow_mut(|waiting| waiting.insert(action, step));
    turn
}

export!(App);
