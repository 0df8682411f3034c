//! The document of the HTTP surface says what the routers do: the same paths, methods, names and scopes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use shared::{
    SystemClock,
    http::{Operation, PlainRoute, dev_issuer::DevIssuer, health},
    reference::Kind,
};

use super::{DOCUMENTS, routes};

/// Methods that an item of `paths` may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

fn openapi() -> Value {
    serde_json::from_str(DOCUMENTS[0].text).expect("the document is JSON")
}

/// What a `$ref` of the document stands for.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a $ref leads somewhere"),
        None => value,
    }
}

/// The words that a variable of a path may be, if they are listed.
fn words(document: &Value, item: &Value) -> Vec<(String, Vec<String>)> {
    let parameters = item["parameters"].as_array().into_iter().flatten().map(|one| resolved(document, one));
    let listed = parameters.filter_map(|parameter| {
        let words = parameter["schema"]["enum"].as_array()?;
        let words = words.iter().map(|word| word.as_str().expect("a word").to_owned()).collect();
        Some((parameter["name"].as_str().expect("a name").to_owned(), words))
    });
    listed.collect()
}

/// Method and path of every operation. A variable outside the API stands for as many routes as it has words.
fn documented(document: &Value) -> BTreeMap<(String, String), &Value> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let mut paths = vec![path.clone()];
        for (name, words) in words(document, item).iter().filter(|_| !path.contains("{tenant}")) {
            let fill = |path: &String| words.iter().map(|word| path.replace(&format!("{{{name}}}"), word)).collect();
            paths = paths.iter().flat_map::<Vec<String>, _>(fill).collect();
        }
        for path in paths {
            let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
            found.extend(methods.map(|method| ((method.to_uppercase(), path.clone()), &item[*method])));
        }
    }
    found
}

/// The routes outside the API, of all processes together.
fn plain_routes() -> Vec<PlainRoute> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let issuer = Arc::new(DevIssuer::open(folder.path(), Arc::new(SystemClock)).expect("a key can be made"));
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let health = health::routes(Arc::new(Vec::new), metrics);
    health.into_iter().chain(issuer.routes()).chain(routes()).collect()
}

#[test]
fn every_route_is_documented_and_nothing_else() {
    let mut expected: BTreeSet<(String, String)> = Operation::ALL
        .map(|operation| (operation.spec().method.as_str().to_owned(), operation.spec().path.as_str().to_owned()))
        .into();
    expected.extend(plain_routes().iter().map(|route| (route.method().as_str().to_owned(), route.path().to_owned())));
    let document = openapi();
    assert_eq!(documented(&document).into_keys().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn operations_have_the_names_and_scopes_of_the_router() {
    let document = openapi();
    let documented = documented(&document);
    for operation in Operation::ALL {
        let spec = operation.spec();
        let told = documented[&(spec.method.as_str().to_owned(), spec.path.as_str().to_owned())];
        assert_eq!(told["operationId"], spec.name);
        let scopes: BTreeSet<&str> = spec.scopes.iter().map(|scope| scope.as_str()).collect();
        let alternatives = told["security"].as_array().expect("security").iter();
        let alternatives = alternatives.map(|one| one["token"][0].as_str().expect("each names one scope"));
        assert_eq!(alternatives.collect::<BTreeSet<_>>(), scopes, "{}", spec.name);
        let is_list = told["requestBody"]["content"]["application/json"]["schema"]["maxItems"] == 200;
        assert_eq!(is_list, operation.is_bulk(), "{}", spec.name);
    }
}

#[test]
fn operations_are_named_once_and_need_a_tag_that_is_explained() {
    let document = openapi();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut names = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for operation in METHODS.iter().filter_map(|method| item.get(*method)) {
            let name = operation["operationId"].as_str().expect("an operationId");
            assert_eq!(names.insert(name, path), None, "{name} is there twice");
            assert!(tags.contains(operation["tags"][0].as_str().expect("a tag")), "{name}");
        }
    }
}

#[test]
fn what_the_document_names_is_used_and_what_is_used_is_there() {
    let document = openapi();
    let text = document.to_string();
    for (kind, components) in document["components"].as_object().expect("components") {
        for name in components.as_object().expect("components").keys().filter(|_| kind != "securitySchemes") {
            assert!(text.contains(&format!("\"#/components/{kind}/{name}\"")), "{kind}/{name} is not used");
        }
    }
    for reference in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} is not there");
    }
}

#[test]
fn versions_and_kinds_are_those_of_the_program() {
    let document = openapi();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let kinds = &document["components"]["parameters"]["kind"]["schema"]["enum"];
    assert_eq!(*kinds, Value::from(Kind::ALL.map(Kind::as_str).to_vec()));
}

#[test]
fn every_schema_that_is_published_is_served() {
    for folder in ["events", "reference", "state"] {
        for file in fs::read_dir(schemas().join(folder)).expect("the folder is there") {
            let name = file.expect("an entry").file_name().to_string_lossy().into_owned();
            let path = format!("/schemas/{folder}/{name}");
            assert!(DOCUMENTS.iter().any(|document| document.path == path), "{path} is not among the documents");
        }
    }
}
