//! Whatever stands in a file, reading it ends and says something.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{checkout, context, exchange, resolved};
use crate::exchange::{LastDeclared, declare, resolve, resolve_both};
use crate::yaml;

proptest! {
    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        yaml::read(&bytes);
        declare("exchanges/a.yaml", &bytes);
    }

    #[test]
    fn yaml_like_text_never_panics(text in "([a-z_.]{1,8}|[:\\[\\]{}&*<>|!?%@,\"'#\\\\-]|[ \t\n]|[0-9.]{1,3}|\u{feff}|é){0,80}") {
        let file = exchange("nats", &format!("helm_values:\n  {text}"));
        resolved(&[("values.yaml", &text), ("exchanges/a.yaml", &file), ("exchanges/b.yaml", &text)]);
    }

    #[test]
    fn moving_a_file_changes_its_name_only(path in "[a-z]{1,5}(/[a-z]{1,5}){0,3}") {
        let file = exchange("nats", "helm_values: {config.merge.max_connections: 5}\n");
        let here = resolved(&[("exchanges/a.yaml", &file)]);
        let path = format!("exchanges/{path}.yaml");
        let mut there = resolved(&[(&path, &file)]);
        for exchange in there.exchanges.values_mut() {
            let exchange = Arc::make_mut(exchange);
            prop_assert_eq!(&exchange.file, &path);
            exchange.file = "exchanges/a.yaml".into();
            for found in &mut exchange.diagnostics {
                found.file = Some("exchanges/a.yaml".into());
            }
        }
        prop_assert_eq!(here.exchanges, there.exchanges);
    }

    #[test]
    fn reading_two_commits_at_once_is_reading_each(head in files(), base in files()) {
        let commit = |files: &[(&str, String)], commit: &str| {
            let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
            let mut checkout = checkout(&files);
            checkout.commit = Some(commit.repeat(40).parse().unwrap());
            checkout
        };
        let (head, base) = (commit(&head, "a"), commit(&base, "b"));
        let context = context();
        let never = |paths: &[String]| {
            paths.iter().map(|path| (path.clone(), LastDeclared::Never)).collect()
        };
        let both = resolve_both(&head, &base, &context, &never);
        prop_assert_eq!(both.0, resolve(&head, &context, &never));
        prop_assert_eq!(both.1, resolve(&base, &context, &|_| BTreeMap::new()));
    }
}

/// A folder of files that share values, profiles and now and then an id; some are broken.
fn files() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let some = |path, texts: Vec<String>| {
        let texts = proptest::option::of(proptest::sample::select(texts));
        texts.prop_map(move |text| text.map(|text| (path, text)))
    };
    let values = ["config.merge.max_connections: 1\n", "config: [\n"].map(String::from);
    let exchanges = vec![
        exchange("nats", ""),
        exchange("nats", "helm_values: {config.merge.max_connections: 5}\n"),
        exchange("other", "profiles: [big]\n"),
        exchange("third", "depends_on: [nats]\n"),
        exchange("fourth", "no_such_field: 1\n"),
        "name: [\n".to_owned(),
    ];
    let all = [
        some("values.yaml", values.to_vec()),
        some("profiles/big.yaml", values.to_vec()),
        some("exchanges/a.yaml", exchanges.clone()),
        some("exchanges/b.yaml", exchanges.clone()),
        some("exchanges/more/c.yaml", exchanges),
    ];
    all.prop_map(|files| files.into_iter().flatten().collect())
}

#[test]
fn hostile_files_are_refused_quickly() {
    let mut bombs: Vec<Vec<u8>> = [
        "[", "{", "- ", "a: &a\n", "? ", "!", "\"", "|\n ", "&a ", "a,\n", "x: yes\n", "\t",
        "a: b: ",
    ]
    .iter()
    .map(|part| part.repeat((1 << 20) / part.len()).into_bytes())
    .collect();
    bombs.push(vec![0xff; 1 << 20]);
    bombs.push(vec![0; 1 << 20]);
    bombs.push(format!("[{}]", "yes,".repeat(200_000)).into_bytes());
    let anchored = "x".repeat(500_000);
    bombs.push(format!("a: &a {anchored}\nb: [{}]", "*a,".repeat(100_000)).into_bytes());
    bombs.push(format!("a{}: 1", "[999]".repeat(200_000)).into_bytes());
    for bomb in bombs {
        let before = std::time::Instant::now();
        let mut hostile = checkout(&[("exchanges/a.yaml", "")]);
        hostile.files[0].bytes.clone_from(&bomb);
        let desired = resolve(&hostile, &context(), &|_| BTreeMap::new());
        let took = before.elapsed();
        assert_eq!(desired.broken.len(), 1);
        // Without optimisation, on a busy machine; a release build stays below 200 ms.
        assert!(
            took.as_secs() < 10,
            "{took:?}: {:?}",
            String::from_utf8_lossy(&bomb[..20])
        );
    }
}
