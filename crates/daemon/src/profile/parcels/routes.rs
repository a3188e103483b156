//! Handing parcels out over HTTP.

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
    routing::get,
};

use super::{
    super::{
        document::{Document, Kind},
        page::POLICY,
    },
    Parcels, ParcelsError, Token, landing,
};
use crate::{authority::now, data::DataDir};

/// How often parcels that are over are removed.
const HOUSEKEEPING: std::time::Duration = std::time::Duration::from_mins(10);

/// Where parcels are, below the address of the portal; the token comes behind it.
pub(crate) const PATH: &str = "/p";

/// The routes under which the parcels of a data directory are fetched: `/p/TOKEN` for a page, and
/// `/p/TOKEN/NAME` for each document. Whoever mounts them has nothing else to know of parcels.
pub(crate) fn routes(data: &DataDir) -> Router {
    Router::new()
        .route("/p/{token}", get(landing_page))
        .route("/p/{token}/{name}", get(document))
        .with_state(Parcels::of(data))
}

/// Removes, now and then, what can no longer be fetched.
pub(crate) async fn keep_house(data: DataDir) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    loop {
        tick.tick().await;
        let parcels = Parcels::of(&data);
        if let Some(Err(error)) = aside(move || parcels.purge(now())).await {
            tracing::warn!(%error, "parcels that are over cannot be removed");
        }
    }
}

async fn landing_page(
    State(parcels): State<Parcels>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(known) = Token::read(&token) else {
        return gone();
    };
    let found = aside(move || parcels.look(&known, now())).await;
    match found {
        Some(Ok(Some(parcel))) => {
            let agent = headers.get(header::USER_AGENT);
            let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("");
            let visitor = landing::platform_of(agent);
            // Relative, so that it does not matter where the portal is mounted.
            page(StatusCode::OK, landing::page(&parcel, &token, visitor))
        }
        Some(Ok(None)) => gone(),
        Some(Err(error)) => broken(&error),
        None => no_answer(),
    }
}

async fn document(
    State(parcels): State<Parcels>,
    Path((token, name)): Path<(String, String)>,
    method: Method,
) -> Response {
    let Some(known) = Token::read(&token) else {
        return gone();
    };
    let found = aside(move || {
        if method == Method::HEAD {
            // Looking does not count.
            let parcel = parcels.look(&known, now())?;
            let parcel = parcel.filter(|parcel| parcel.open.contains(&name));
            let documents = parcel.map(|parcel| parcel.kit.documents);
            let mut documents = documents.into_iter().flatten();
            Ok(documents.find(|document| document.name == name))
        } else {
            parcels.fetch(&known, &name, now())
        }
    })
    .await;
    match found {
        Some(Ok(Some(document))) => serve(document),
        Some(Ok(None)) => gone(),
        Some(Err(error)) => broken(&error),
        None => no_answer(),
    }
}

/// Files are read aside from the threads that others wait for.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ParcelsError> + Send + 'static,
) -> Option<Result<T, ParcelsError>> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn serve(document: Document) -> Response {
    let kind = document.kind;
    let mut response = answer(
        StatusCode::OK,
        kind.media_type(),
        Body::from(document.content.to_vec()),
    );
    let headers = response.headers_mut();
    if kind == Kind::Passpoint {
        // Without it Chrome does not start the installer.
        let name = header::HeaderName::from_static("content-transfer-encoding");
        headers.insert(name, HeaderValue::from_static("base64"));
    }
    if kind.is_saved() {
        let disposition = format!("attachment; filename=\"{}\"", document.name);
        if let Ok(value) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    response
}

fn page(status: StatusCode, text: String) -> Response {
    answer(status, Kind::Page.media_type(), Body::from(text))
}

fn gone() -> Response {
    page(StatusCode::NOT_FOUND, landing::gone())
}

fn broken(error: &ParcelsError) -> Response {
    tracing::warn!(
        error = crate::failure::chain(error),
        "a parcel cannot be handed out"
    );
    no_answer()
}

fn no_answer() -> Response {
    let text = Body::from("The server cannot hand this out now. Try again later.\n");
    answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Text.media_type(),
        text,
    )
}

/// An answer that nobody keeps, and that gives the link away to nobody.
fn answer(status: StatusCode, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
