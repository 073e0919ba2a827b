use std::io::Write as _;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::json;

use super::*;

const MANIFEST: &str = "---
# Source: nats/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: nats
spec:
  ports: [{name: nats, port: 4222}]
---
# Source: nats/templates/nothing.yaml
---
# Source: nats/templates/stateful-set.yaml
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: nats
  namespace: elsewhere
spec:
  replicas: 3
";

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn wrap(bytes: &[u8]) -> String {
    STANDARD.encode(STANDARD.encode(bytes))
}

fn document(info: &Value) -> Value {
    json!({
        "name": "nats", "namespace": "communication", "version": 4, "info": info,
        "chart": {
            "metadata": {"name": "nats", "version": "2.14.2", "apiVersion": "v2"},
            "lock": null, "templates": [{"name": "a", "data": "e30="}], "values": {"a": 1}, "schema": null, "files": [],
        },
        "config": {"config": {"cluster": {"enabled": true}}},
        "manifest": MANIFEST,
    })
}

#[rstest]
#[case::helm3(json!({"status": "deployed", "deleted": ""}))]
#[case::helm4(json!({"status": "deployed", "rollback_revision": 2}))]
#[case::null(json!({"status": "deployed", "deleted": null}))]
fn both_helms_are_read(#[case] info: Value) {
    let mut document = document(&info);
    document["apply_method"] = json!("ssa");
    let decoded = decode_release(&wrap(&gzip(document.to_string().as_bytes()))).unwrap();
    assert_eq!((decoded.name.as_str(), decoded.revision), ("nats", 4));
    assert_eq!(decoded.stored.chart, "nats");
    assert_eq!(decoded.stored.chart_version, "2.14.2");
    assert_eq!(
        decoded.stored.values,
        json!({"config": {"cluster": {"enabled": true}}})
    );
    assert_eq!(decoded.manifest, MANIFEST);
    let kinds: Vec<_> = decoded
        .stored
        .objects
        .iter()
        .map(|object| (object.kind.as_str(), object.namespace.as_deref()))
        .collect();
    assert_eq!(
        kinds,
        [("StatefulSet", Some("elsewhere")), ("Service", None)]
    );
    assert_eq!(decoded.stored.stateful_sets[0]["spec"]["replicas"], 3);
}

#[test]
fn plain_json_without_gzip_is_read() {
    let text = document(&json!({})).to_string();
    assert!(decode_release(&wrap(text.as_bytes())).is_ok());
}

#[test]
fn absent_values_are_an_empty_map() {
    let decoded = decode_release(&wrap(
        br#"{"name":"a","version":1,"config":null,"chart":null}"#,
    ))
    .unwrap();
    assert_eq!(decoded.stored.values, json!({}));
    assert!(decoded.stored.objects.is_empty());
}

#[test]
fn damage_is_told_apart() {
    let good = gzip(document(&json!({})).to_string().as_bytes());
    let cut = &good[..good.len() / 2];
    assert_eq!(decode_release(&wrap(cut)), Err(DecodeError::Gzip));
    assert_eq!(
        decode_release("%%"),
        Err(DecodeError::Base64 {
            layer: "Kubernetes"
        })
    );
    assert_eq!(
        decode_release(&STANDARD.encode("%%")),
        Err(DecodeError::Base64 { layer: "Helm" })
    );
    assert!(matches!(
        decode_release(&wrap(b"[]")),
        Err(DecodeError::Json { .. })
    ));
    assert!(matches!(
        decode_release(&wrap(
            br#"{"name":"a","version":1,"manifest":"a: [secret-thing"}"#
        )),
        Err(DecodeError::Manifest { place }) if !place.contains("secret-thing")
    ));
    assert!(decode_release(&wrap(b"")).is_err());
}

#[test]
fn a_bomb_is_refused_without_being_unpacked() {
    let bomb = gzip(&vec![b' '; 40 * 1024 * 1024]);
    assert_eq!(decode_release(&wrap(&bomb)), Err(DecodeError::TooLarge));
}
