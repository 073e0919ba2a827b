//! Whatever stands in a file, reading it ends and says something.

use std::sync::Arc;

use proptest::prelude::*;

use super::{checkout, context, exchange, resolved};
use crate::exchange::{declare, resolve};
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
        let desired = resolve(&hostile, &context(), &|_| std::collections::BTreeMap::new());
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
