//! The document and the routes are one thing; nothing is open by accident.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::Value;

use crate::desk::Desk;

async fn document(desk: &Desk) -> Value {
    desk.request(Request::get("/openapi.json").body(Body::empty()).unwrap()).await.ok()
}

fn routes(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "post", "put", "delete"].contains(&key.as_str()));
        methods.map(|method| (path.clone(), method.to_uppercase()))
    });
    each.collect()
}

#[tokio::test]
async fn every_route_is_described() {
    let desk = Desk::open().await;
    let listed: Vec<String> = routes(&document(&desk).await)
        .into_iter()
        .map(|(path, method)| format!("{method:6} {path}"))
        .collect();
    insta::assert_snapshot!(listed.join("\n"));
}

/// The path with something in the place of every parameter.
fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{kind}" => "flow".to_owned(),
        part if part.starts_with('{') => "x".to_owned(),
        part => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_described_route_exists_and_only_public_ones_are_open() {
    let desk = Desk::open().await;
    let public = ["/healthz", "/livez", "/readyz"];
    for (path, method) in routes(&document(&desk).await) {
        let real = filled(&path);
        assert!(!real.contains('{'), "{real}");
        let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(&real);
        let status = desk.request(request.body(Body::empty()).unwrap()).await.status;
        if public.contains(&path.as_str()) {
            assert_eq!(status, StatusCode::OK, "{method} {path}");
        } else {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_operation_has_a_summary_and_an_error_body_is_described() {
    let desk = Desk::open().await;
    let document = document(&desk).await;
    assert_eq!(document["openapi"].as_str().unwrap().get(..3), Some("3.1"));
    for (path, method) in routes(&document) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
    }
    assert!(document["components"]["schemas"]["ErrorBody"].is_object());
    assert!(document["components"]["securitySchemes"]["bearer"].is_object());
}
