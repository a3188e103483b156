//! `/ca.crt`, `/ca.crl` and `/ocsp`: what our own CA has signed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::{Digest as _, Sha256};

use super::Shared;
use crate::authority::{
    self, blocks, hex,
    ocsp::{self, Answer, Responder},
};

/// For how long others may take what they have for the last word, though it is good for longer.
const FRESH: u64 = 600;
/// The most characters of a request in an address.
const LONGEST: usize = 4_096;
/// Requests in addresses are written with padding and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const CERTIFICATE: &str = "application/pkix-cert";
const LIST: &str = "application/pkix-crl";
const OCSP_REQUEST: &str = "application/ocsp-request";
const OCSP_RESPONSE: &str = "application/ocsp-response";

/// What answers, made anew when the authority has changed.
pub(super) struct Signed {
    authority: Shared,
    responder: Mutex<Option<Arc<Responder>>>,
}

impl Signed {
    pub(super) fn new(authority: Shared) -> Self {
        Self {
            authority,
            responder: Mutex::default(),
        }
    }

    fn responder(&self) -> Option<Arc<Responder>> {
        let now = self.authority.load_full()?;
        let mut known = self
            .responder
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let current = known.as_ref().map(|responder| responder.generation());
        if current != Some(now.generation()) {
            *known = Responder::of(&now).map(Arc::new);
        }
        known.clone()
    }
}

pub(super) fn routes(signed: Arc<Signed>) -> Router {
    Router::new()
        .route("/ca.crt", get(certificate))
        .route("/ca.crl", get(list))
        .route("/ocsp", post(asked))
        .route("/ocsp/", post(asked))
        .route("/ocsp/{*request}", get(asked_by_address))
        .with_state(signed)
}

async fn certificate(State(signed): State<Arc<Signed>>, headers: HeaderMap) -> Response {
    let Some(authority) = signed.authority.load_full() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let der = authority.bundle().first().cloned().unwrap_or_default();
    let now = authority::now();
    cached(der, CERTIFICATE, &headers, (now, now + FRESH), None)
}

async fn list(State(signed): State<Arc<Signed>>, headers: HeaderMap) -> Response {
    let authority = signed.authority.load_full();
    let der = authority.as_ref().and_then(|authority| {
        let lists = blocks(authority.crl_pem()?, |label| label == "X509 CRL");
        lists.into_iter().next()
    });
    let (Some(authority), Some(der)) = (authority, der) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (signed, until) = authority.listed();
    cached(der, LIST, &headers, (authority::now(), until), Some(signed))
}

/// RFC 6960, appendix A.1: a request as the body.
async fn asked(State(signed): State<Arc<Signed>>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(OCSP_REQUEST) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    say(answer(signed, body.to_vec()).await, &headers)
}

/// As [`asked`]: a request in base64 as the end of the address.
async fn asked_by_address(
    State(signed): State<Arc<Signed>>,
    Path(request): Path<String>,
    headers: HeaderMap,
) -> Response {
    if request.len() > LONGEST {
        return StatusCode::URI_TOO_LONG.into_response();
    }
    // What is no base64 is no request either, and is told so in the same way.
    let request = BASE64.decode(request.trim()).unwrap_or_default();
    say(answer(signed, request).await, &headers)
}

/// Looks up records and signs, which is not for the threads that serve connections.
async fn answer(signed: Arc<Signed>, request: Vec<u8>) -> Answer {
    let answered = tokio::task::spawn_blocking(move || {
        signed
            .responder()
            .map_or_else(ocsp::try_later, |responder| {
                responder.answer(&request, authority::now())
            })
    });
    answered.await.unwrap_or_else(|_| ocsp::try_later())
}

fn say(answer: Answer, headers: &HeaderMap) -> Response {
    let now = authority::now();
    match answer.until {
        Some(until) => cached(answer.der, OCSP_RESPONSE, headers, (now, until), Some(now)),
        None => (
            [
                (header::CONTENT_TYPE, OCSP_RESPONSE),
                (header::CACHE_CONTROL, "no-store"),
            ],
            answer.der,
        )
            .into_response(),
    }
}

/// What may be kept until `times.1`, where it is `times.0` now (RFC 5019, 6.2).
fn cached(
    der: Vec<u8>,
    kind: &'static str,
    asked: &HeaderMap,
    times: (u64, u64),
    signed: Option<u64>,
) -> Response {
    let (now, until) = times;
    let tag = format!("\"{}\"", hex(&Sha256::digest(&der)[..16]));
    let fresh = until.saturating_sub(now).min(FRESH);
    let held = asked.get(header::IF_NONE_MATCH);
    let held = held.and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    let known = held.split(',').any(|held| held.trim() == tag);
    let control = format!("max-age={fresh}, public, no-transform, must-revalidate");
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], der).into_response()
    };
    let mut says = |name, value: String| {
        if let Ok(value) = value.try_into() {
            response.headers_mut().insert(name, value);
        }
    };
    says(header::ETAG, tag);
    says(header::CACHE_CONTROL, control);
    says(header::EXPIRES, http_date(until));
    if let Some(signed) = signed {
        says(header::LAST_MODIFIED, http_date(signed));
    }
    response
}

/// RFC 9110, 5.6.7.
fn http_date(seconds: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799));
    jiff::Timestamp::try_from(at).map_or_else(
        |_| String::new(),
        |at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn dates_are_written_as_http_has_them() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
