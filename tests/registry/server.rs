//! Where our own server is right and the original is not.

use std::time::Duration;

use natsx_sync::listen::Port;
use natsx_sync::registry::store::{Store, StoreError};
use natsx_sync::registry::{
    Embedded, Registry, RegistryAccess, RegistryError, Serving, address_of, server,
};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{client, own, put, record, unused};

async fn ask(embedded: &Embedded, method: Method, path: &str, body: Value) -> Response {
    let url = format!("http://{}{path}", embedded.address);
    Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .request(method, url)
        .json(&body)
        .send()
        .await
        .unwrap()
}

async fn status(embedded: &Embedded, method: Method, path: &str, body: Value) -> u16 {
    ask(embedded, method, path, body).await.status().as_u16()
}

#[tokio::test]
async fn answers_are_honest() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder).await;
    let one = json!({"system_id": "a", "name": "x", "unknown": 1});
    assert_eq!(
        status(&own, Method::PUT, "/backbone/a", one.clone()).await,
        404
    );
    assert_eq!(
        status(&own, Method::GET, "/backbone/a", json!({})).await,
        404
    );
    let created = ask(&own, Method::POST, "/backbone", one.clone()).await;
    assert_eq!(created.status(), 201);
    assert_eq!(
        created.text().await.unwrap(),
        "{\"data\":{\"id\":\"a\",\"message\":\"BackboneData created\"},\"success\":true}\n"
    );
    assert_eq!(
        status(&own, Method::POST, "/backbone", one.clone()).await,
        409
    );
    assert_eq!(
        status(&own, Method::PUT, "/backbone/a", one).await,
        200,
        "unchanged"
    );
    let got: Value = ask(&own, Method::GET, "/backbone/a", json!({}))
        .await
        .json()
        .await
        .unwrap();
    let whole = json!({"system_id": "a", "name": "x", "org_ids": "", "cluster_id": "", "public_url": "", "metadata": {}});
    assert_eq!(got, json!({"data": whole, "success": true}));
    for (body, wanted) in [
        (json!([1]), 400),
        (json!({"system_id": "b"}), 400),
        (json!({"name": 3}), 400),
        (json!({"metadata": []}), 400),
        (json!({"metadata.natsx.state": "ready", "name": "y"}), 200),
    ] {
        assert_eq!(
            status(&own, Method::PUT, "/backbone/a", body.clone()).await,
            wanted,
            "{body}"
        );
    }
    let rows: Value = ask(&own, Method::POST, "/backbones", json!({}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        rows["data"][0]["metadata"],
        json!({"natsx": {"state": "ready"}})
    );
    assert_eq!(
        status(&own, Method::POST, "/backbone", json!({"system_id": "a/b"})).await,
        400
    );
    assert_eq!(
        status(&own, Method::POST, "/backbone", json!({"name": "unnamed"})).await,
        201
    );
    assert_eq!(
        status(&own, Method::DELETE, "/backbone/a", json!({})).await,
        200
    );
    let gone = ask(&own, Method::DELETE, "/backbone/a", json!({})).await;
    assert_eq!(
        gone.json::<Value>().await.unwrap()["error"],
        "No document found to delete"
    );
    assert_eq!(status(&own, Method::GET, "/nothing", json!({})).await, 404);
    assert_eq!(
        status(&own, Method::GET, "/backbones", json!({})).await,
        405
    );
    let health: Value = ask(&own, Method::GET, "/healthz", json!({}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(health["data"]["instance"], "test");
}

#[tokio::test]
async fn bad_requests_are_the_clients_fault() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder).await;
    let url = format!("http://{}/backbone", own.address);
    let http = Client::builder().no_proxy().build().unwrap();
    for (media, body, wanted) in [
        ("application/json", "{", 400),
        ("application/json", "", 400),
        ("text/plain", "{}", 415),
        ("application/vnd.x+json; charset=latin1", "{}", 201),
        (
            "application/json",
            &format!("\"{}\"", "x".repeat(2 << 20)),
            413,
        ),
    ] {
        let request = http
            .post(&url)
            .header("content-type", media)
            .body(body.to_owned());
        let short = body.chars().take(9).collect::<String>();
        assert_eq!(
            request.send().await.unwrap().status(),
            wanted,
            "{media} {short}"
        );
    }
}

#[tokio::test]
async fn no_record_is_so_deep_that_somebody_cannot_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder).await;
    let record = json!({"system_id": "deep", "name": "Deep"});
    assert_eq!(status(&own, Method::POST, "/backbone", record).await, 201);
    let dotted = |steps: usize, value: Value| {
        let steps = vec!["a"; steps].join(".");
        json!({format!("metadata.{steps}"): value})
    };
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
    for (fields, wanted) in [
        (dotted(200_000, json!(1)), 400),
        (dotted(32, json!(1)), 400),
        (dotted(31, json!(1)), 200),
        (dotted(16, nested(16)), 400),
        (dotted(16, nested(15)), 200),
        (json!({"metadata": nested(32)}), 400),
        (json!({"metadata": nested(31)}), 200),
    ] {
        let short = fields.to_string().chars().take(40).collect::<String>();
        let got = status(&own, Method::PUT, "/backbone/deep", fields).await;
        assert_eq!(got, wanted, "{short}");
    }
    let made = json!({"system_id": "other", "metadata": nested(32)});
    assert_eq!(status(&own, Method::POST, "/backbone", made).await, 400);
    assert_eq!(status(&own, Method::GET, "/healthz", json!({})).await, 200);
    let all = client(&format!("http://{}", own.address)).view().await;
    assert_eq!(all.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_query_has_a_bounded_number_of_patterns() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder).await;
    for (patterns, wanted) in [(16, 200), (17, 400), (10_000, 400)] {
        let each = json!({"name": {"$not": {"$regex": "\\pL{12}"}}});
        let filter = json!({"$or": vec![each; patterns]});
        let got = status(&own, Method::POST, "/backbones", filter).await;
        assert_eq!(got, wanted, "{patterns}");
    }
}

#[tokio::test]
async fn writes_can_be_conditional() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder).await;
    let made = ask(&own, Method::POST, "/backbone", json!({"system_id": "a"})).await;
    let first = made.headers()["etag"].to_str().unwrap().to_owned();
    let http = Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/backbone/a", own.address);
    let put = async |tag: &str, name: &str| {
        let request = http
            .put(&url)
            .header("if-match", tag)
            .json(&json!({"name": name}));
        request.send().await.unwrap()
    };
    let changed = put(&first, "x").await;
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"], first.as_str());
    assert_eq!(put(&first, "y").await.status(), 412);
    assert_eq!(
        http.delete(&url)
            .header("if-match", &first)
            .send()
            .await
            .unwrap()
            .status(),
        412
    );
    assert_eq!(
        http.delete(&url)
            .header("if-match", "*")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    // Made anew it is another record.
    let made = ask(&own, Method::POST, "/backbone", json!({"system_id": "a"})).await;
    assert_ne!(made.headers()["etag"], first.as_str());
    assert_eq!(put(&first, "z").await.status(), 412);
}

#[tokio::test]
async fn filters_select() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder).await;
    for (id, orgs, metadata) in [
        (
            "a",
            "org1,org2",
            json!({"region": "eu", "tags": ["x", "y"], "n": 1}),
        ),
        ("b", "org10", json!({"region": "us", "n": 2})),
        ("c", "org1", json!({})),
    ] {
        let body = json!({"system_id": id, "org_ids": orgs, "metadata": metadata});
        assert_eq!(status(&own, Method::POST, "/backbone", body).await, 201);
    }
    for (filter, wanted) in [
        (json!({}), "abc"),
        (json!({"system_id": "b"}), "b"),
        (json!({"org_ids": "org1"}), "c"),
        (json!({"org_ids": {"$regex": "(^|,)org1(,|$)"}}), "ac"),
        (
            json!({"org_ids": {"$regex": "ORG10", "$options": "i"}}),
            "b",
        ),
        (json!({"metadata.region": "eu"}), "a"),
        (json!({"metadata.region": null}), "c"),
        (json!({"metadata.region": {"$exists": true}}), "ab"),
        (json!({"metadata.region": {"$ne": "eu"}}), "bc"),
        (json!({"metadata.region": {"$in": ["eu", "us"]}}), "ab"),
        (json!({"metadata.region": {"$nin": ["eu"]}}), "bc"),
        (json!({"metadata.region": {"$not": {"$regex": "^e"}}}), "bc"),
        (json!({"metadata.tags": "y"}), "a"),
        (json!({"metadata.n": 1.0}), "a"),
        (json!({"metadata": {"n": 2, "region": "us"}}), "b"),
        (
            json!({"$or": [{"system_id": "a"}, {"system_id": "c"}]}),
            "ac",
        ),
        (
            json!({"$and": [{"metadata.n": {"$exists": true}}, {"org_ids": "org10"}]}),
            "b",
        ),
    ] {
        let rows: Value = ask(&own, Method::POST, "/backbones", filter.clone())
            .await
            .json()
            .await
            .unwrap();
        let ids: String = rows["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["system_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, wanted, "{filter}");
    }
    for filter in [
        json!({"$where": "1"}),
        json!({"name": {"$gtx": 1}}),
        json!({"name": {"$regex": "("}}),
        json!({"$or": []}),
        json!([]),
        json!(null),
        json!(""),
    ] {
        assert_eq!(
            status(&own, Method::POST, "/backbones", filter.clone()).await,
            400,
            "{filter}"
        );
    }
    let page: Value = ask(&own, Method::POST, "/backbones?limit=1&after=a", json!({}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(page["data"][0]["system_id"], "b");
}

#[tokio::test]
async fn one_process_holds_the_store_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(address_of(folder.path()), None);
    let first = own(&folder).await;
    let second = Embedded::open(folder.path(), first.address, Port::NextFree, "test")
        .await
        .unwrap();
    assert_eq!(second.address, first.address);
    assert!(first.is_ours() && !second.is_ours());
    assert_eq!(address_of(folder.path()), Some(first.address));
    let held = Store::open(folder.path()).unwrap_err();
    assert!(
        matches!(held, StoreError::Held { address: Some(address), .. } if address == first.address)
    );
    let registry = Registry::connect(&second.access().unwrap()).unwrap();
    put(&registry, &record("a")).await.unwrap();
    first.close().await.unwrap();
    assert_eq!(address_of(folder.path()), None);
    let store = Store::open(folder.path()).unwrap();
    assert!(store.get("a").unwrap().is_some(), "kept");
}

#[tokio::test]
async fn who_only_looks_keeps_nobody_from_serving() {
    let folder = tempfile::tempdir().unwrap();
    let looking = Registry::look(folder.path());
    assert!(looking.view().await.unwrap().records.is_empty());
    let made = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(made, 0, "a look makes nothing");

    let served = own(&folder).await;
    let writing = Registry::connect(&served.access().unwrap()).unwrap();
    put(&writing, &record("a")).await.unwrap();
    assert_eq!(looking.view().await.unwrap().records.len(), 1, "asked");
    served.close().await.unwrap();
    assert_eq!(looking.view().await.unwrap().records.len(), 1, "read");
    assert_eq!(address_of(folder.path()), None);
    assert!(looking.put_record(&record("b"), &unused()).await.is_err());

    let served = own(&folder).await;
    assert!(served.is_ours());
}

#[tokio::test]
async fn a_registry_that_was_served_elsewhere_is_served_here_when_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = own(&folder).await;
    let serving = Serving {
        address: "127.0.0.1:0".parse().unwrap(),
        port: Port::Exact,
        instance: "test".to_owned(),
    };
    let registry = Registry::serve(folder.path(), serving).await.unwrap();
    assert_eq!(registry.address().await, Some(elsewhere.address));
    put(&registry, &record("a")).await.unwrap();

    elsewhere.close().await.unwrap();
    assert_eq!(registry.view().await.unwrap().records.len(), 1);
    put(&registry, &record("b")).await.unwrap();
    assert_eq!(address_of(folder.path()), registry.address().await);
    registry.close().await;
    assert_eq!(address_of(folder.path()), None);
}

#[tokio::test]
async fn a_default_port_that_is_taken_is_passed_over() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (folder, address) = (tempfile::tempdir().unwrap(), taken.local_addr().unwrap());
    assert!(
        Embedded::open(folder.path(), address, Port::Exact, "test")
            .await
            .is_err()
    );
    let embedded = Embedded::open(folder.path(), address, Port::NextFree, "test")
        .await
        .unwrap();
    assert!(embedded.address.port() > address.port());
}

#[tokio::test]
async fn a_token_is_asked_for_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let token = Some("correct-horse".to_owned().into());
    tokio::spawn(async move {
        server::serve(listener, store, "test", token, std::future::pending()).await
    });
    let token_file = folder.path().join("token");
    let mut access = RegistryAccess {
        url: format!("http://{address}").parse().unwrap(),
        token_file: Some(token_file.clone()),
        ca_file: None,
    };
    let registry = Registry::connect(&access).unwrap();
    assert!(matches!(
        registry.put_record(&record("a"), &unused()).await,
        Err(RegistryError::Access { .. })
    ));
    std::fs::write(&token_file, "battery-staple\n").unwrap();
    let error = registry
        .put_record(&record("a"), &unused())
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 401, .. }));
    assert!(!format!("{error} {error:?} {registry:?}").contains("battery"));
    std::fs::write(&token_file, "correct-horse\n").unwrap();
    put(&registry, &record("a")).await.unwrap();
    access.token_file = None;
    let unreadable = Registry::connect(&access)
        .unwrap()
        .view()
        .await
        .unwrap_err();
    assert!(unreadable.text.contains("401"), "{}", unreadable.text);
}

#[tokio::test]
async fn the_end_waits_for_nobody_who_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder).await;
    let mut silent = tokio::net::TcpStream::connect(own.address).await.unwrap();
    silent
        .write_all(b"GET /healthz HTTP/1.1\r\n")
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(8), own.close())
        .await
        .unwrap()
        .unwrap();
    // The store is free although the silent one never hung up.
    drop(Store::open(folder.path()).unwrap());
    drop(silent.read(&mut [0; 16]).await);
}
