//! Requests that write go before the work of the background: see [`callwright_engine::engine::RightOfWay`].

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::state::App;

/// Middleware. Whoever only reads waits for no writer.
pub async fn first(State(app): State<App>, request: Request, next: Next) -> Response {
    let _under_way = (!request.method().is_safe()).then(|| app.engine.right_of_way.enter());
    next.run(request).await
}
