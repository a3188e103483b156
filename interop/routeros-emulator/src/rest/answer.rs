//! Records and traps as JSON.

use http_body_util::Full;
use hyper::{Response, StatusCode, body::Bytes, header};
use serde_json::{Map, Value, json};

use crate::{Record, Reply, Trap};

/// What is sent.
pub(super) type Answer = Response<Full<Bytes>>;

/// All values are texts.
pub(super) fn object(record: &Record) -> Value {
    let each = record.iter();
    Value::Object(
        each.map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<Map<_, _>>(),
    )
}

/// A list, `{"ret": ...}`, or `[]` where there is nothing to say.
pub(super) fn reply(reply: &Reply) -> Value {
    match &reply.ret {
        Some(ret) if reply.records.is_empty() => json!({ "ret": ret }),
        _ => Value::Array(reply.records.iter().map(object).collect()),
    }
}

/// JSON with a status.
pub(super) fn json(status: StatusCode, value: &Value) -> Answer {
    let mut answer = Response::new(Full::from(value.to_string()));
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// A status without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// What went wrong, as the router says it.
pub(super) fn failure(status: StatusCode, detail: Option<&str>) -> Answer {
    let message = status.canonical_reason().unwrap_or_default();
    let mut value = json!({ "error": status.as_u16(), "message": message });
    if let (Some(detail), Some(object)) = (detail, value.as_object_mut()) {
        object.insert("detail".into(), detail.into());
    }
    json(status, &value)
}

/// What a command that was not done gives.
pub(super) fn traps(traps: &[Trap]) -> Answer {
    let detail = traps.first().map_or("", |trap| &*trap.message);
    if detail == "no such item" {
        return failure(StatusCode::NOT_FOUND, None);
    }
    // A menu that has no such command, as against a path that leads nowhere.
    let lacks = ["(add)", "(set)", "(remove)"];
    if detail.starts_with("no such command") && lacks.iter().any(|verb| detail.ends_with(verb)) {
        return failure(StatusCode::NOT_ACCEPTABLE, Some(detail));
    }
    failure(StatusCode::BAD_REQUEST, Some(detail))
}
