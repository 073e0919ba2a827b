use serde_json::json;

use super::*;

fn hidden(path: &[&str], value: &Value) -> bool {
    let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
    masked_value(&path, value) != *value
}

#[test]
fn secrets_are_known_by_name_or_shape() {
    assert!(hidden(
        &["config", "merge", "authorization", "token"],
        &json!("x")
    ));
    assert!(hidden(&["users"], &json!([{"user": "a", "password": "b"}])));
    assert!(hidden(&["urls"], &json!(["nats://a:b@c:4222"])));
    assert!(hidden(&["note"], &json!(format!("SU{}", "A".repeat(56)))));
    assert!(hidden(&["note"], &json!("eyJhbGciOi.eyJqdGkiOi.c2ln")));
    for name in ["STORE_KEY", "AUTHORIZATION", "api_bearer"] {
        assert!(hidden(&["container", "env", name], &json!("x")), "{name}");
    }
    assert!(!hidden(
        &["config", "merge", "authorization", "timeout"],
        &json!(2)
    ));
    for path in [
        &["tlsSecretName", "password"][..],
        &["secretNames"],
        &["secretNameToken"],
        &["env", "DB_SECRET_NAME"],
        &["tlsSecret"],
    ] {
        assert!(hidden(path, &json!("x")), "{path:?}");
    }
    let seed = json!(format!("SU{}", "A".repeat(56)));
    assert!(hidden(&["tlsSecretName"], &seed));
}

#[test]
fn references_public_keys_and_plain_values_are_shown() {
    assert!(!hidden(
        &["env", "PASSWORD", "valueFrom", "secretKeyRef", "name"],
        &json!("auth")
    ));
    for key in ["tlsSecretName", "secretName", "tls_secret_name"] {
        assert!(!hidden(&["ingress", key], &json!("nats-tls")), "{key}");
    }
    for value in ["<< $PASSWORD >>", &format!("U{}", "A".repeat(55))] {
        assert!(!hidden(&["authorization", "password"], &json!(value)));
    }
    for value in [
        json!(3),
        json!("10Gi"),
        json!("nats://host:4222/a@b"),
        json!("nats://user:$PASS@host:4222"),
        json!("user:$PASS@host:4222"),
        json!("nats:2.11@sha256:1f3870be274f6c49b3e31a0c6728957f"),
        json!("mailto:team@example.org"),
        json!("git@example.org:exchanges.git"),
        json!("us-east-cluster/communication/nats-global-exchange"),
        json!("sha256:1f3870be274f6c49b3e31a0c6728957f1f3870be274f6c49b3e31a0c6728957f"),
        json!("the password is kept in a Secret"),
        json!("basic authentication and bearer authentication"),
    ] {
        assert!(
            !hidden(&["config", "cluster", "replicas"], &value),
            "{value}"
        );
    }
}

#[test]
fn equal_secrets_share_a_number_and_nothing_tells_their_length() {
    let values = json!({"a": {"password": "hunter2"}, "b": {"token": "hunter2"}, "c": {"seed": "other word"}});
    let mut secrets = Secrets::default();
    secrets.learn(&[], &values);
    let (shown, hid) = secrets.masker().value(&[], &values);
    assert!(hid);
    assert_eq!(
        shown,
        json!({"a": {"password": "(sensitive #1)"}, "b": {"token": "(sensitive #1)"}, "c": {"seed": "(sensitive #2)"}})
    );
}

#[test]
fn what_is_known_is_hidden_in_every_spelling() {
    let values = json!({"merge": {"users": [{"user": "alice", "password": "pw\"d 12"}]}});
    let text = "alice: pw\"d 12, pw\\\"d 12, cHciZCAxMg==, pw%22d%2012, YWxpY2U6cHciZCAxMg==";
    let shown = masked_of(text, &values);
    for spelling in ["d 12", "cHciZCAxMg", "d%2012"] {
        assert!(!shown.contains(spelling), "{shown}");
    }
    assert!(
        shown.starts_with("alice: (sensitive #1), (sensitive #1), (sensitive #1), "),
        "{shown}"
    );
    let within = masked_of("YWxpY2U6aHVudGVyMjI=", &json!({"password": "hunter22"}));
    assert!(!within.contains("aHVudGVyMj"), "{within}");
}

#[test]
fn a_short_secret_does_not_blot_out_longer_words() {
    let values = json!({"password": "nats"});
    assert_eq!(
        masked_of("natsx-sync said: nats is refused", &values),
        "natsx-sync said: (sensitive #1) is refused"
    );
}

#[test]
fn only_the_password_of_an_address_is_hidden() {
    assert_eq!(
        masked("nats://a:b1@h1:4222,nats://c:d2@h2"),
        "nats://a:(sensitive)@h1:4222,nats://c:(sensitive)@h2"
    );
    for text in ["nats://u:$ecr3t!x@h1", "u:$ecr3t!x@h1"] {
        assert!(!masked(text).contains("ecr3t"), "{text}");
    }
    assert_eq!(
        masked("NATS_URL=a:b1@h1:4222, c:d2@h2"),
        "NATS_URL=a:(sensitive)@h1:4222, c:(sensitive)@h2"
    );
    assert_eq!(
        masked("nats://s3cr3t@h1:4222"),
        "nats://(sensitive)@h1:4222"
    );
}

#[test]
fn assignments_within_texts_are_seen() {
    for text in [
        "authorization { user: a, password: hunter2 }",
        "password = \"hunter2\"",
        "{\"token\":\"hunter2\"}",
        "{\\\"token\\\":\\\"hunter2\\\"}",
        "https://host/?token=hunter2&x=1",
        "password: |\n    hunter2\n",
        "Authorization: Basic aHVudGVyMjpodW50ZXIy",
    ] {
        let shown = masked(text);
        assert!(
            !shown.contains("hunter2") && !shown.contains("aHVudGVyMj"),
            "{shown}"
        );
        assert!(shown.contains("(sensitive)"), "{shown}");
    }
}

#[test]
fn no_part_of_a_password_is_left() {
    for text in [
        "<< authorization { user: a, password: Tr0ub4dor&3xyzzy } >>",
        "<< authorization { user: a, password Tr0ub4dor&3xyzzy } >>",
        "<< \"token\" Tr0ub4dor&3xyzzy; a: $X >>",
        "password: << Tr0ub4dor&3xyzzy >>",
        "password: \"$X; y: Tr0ub4dor&3xyzzy\"",
        "token=Tr0ub4dor&3xyzzy",
        "https://host/?auth_token=Tr0ub4dor3xyzzy&x=1",
    ] {
        let shown = masked(text);
        assert!(
            !shown.contains("ub4dor") && !shown.contains("xyzzy"),
            "{shown}"
        );
    }
    let value = json!("<< $X; y: Tr0ub4dor&3xyzzy >>");
    assert!(hidden(&["authorization", "pass"], &value));
    assert!(masked("https://host/?token=hunter2&page=1").ends_with("&page=1"));
    for text in [
        "password: << $WORD >>",
        "<< { user: a, password: $WORD, token $TOKEN } >>",
        "token: ${{ secrets.TOKEN }}",
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn a_variable_of_a_secret_makes_the_literal_in_its_place_one() {
    let path = |name: &str| ["container", "env", name].map(ToOwned::to_owned).to_vec();
    let mut secrets = Secrets::default();
    secrets.note_variables(
        &path("WORD"),
        &json!({"valueFrom": {"secretKeyRef": {"name": "auth", "key": "k"}}}),
    );
    secrets.learn(&path("WORD"), &json!("hunter2"));
    let (shown, hid) = secrets.masker().value(&path("WORD"), &json!("hunter2"));
    assert!(hid && shown == json!("(sensitive #1)"));
}

#[test]
fn a_secret_of_any_length_is_hidden_whole_in_bounded_time() {
    let began = std::time::Instant::now();
    for long in [
        "password=".repeat(4000),
        "A1b2".repeat(9000),
        "x".repeat(300_000),
    ] {
        let mut secrets = Secrets::default();
        let path = ["password".to_owned()];
        secrets.learn(&path, &Value::from(long.clone()));
        let masker = secrets.masker();
        assert_eq!(
            masker.text(&format!("so {long} it is")),
            "so (sensitive #1) it is"
        );
        // Cut off by whoever wrote the text; what it has the shape of may take more with it.
        let half: String = long.chars().take(2000).collect();
        let shown = masker.text(&format!("so {half}: it is"));
        assert!(
            shown.starts_with("so (sensitive") && shown.len() < 40,
            "{shown}"
        );
    }
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn long_secrets_that_begin_alike_keep_their_numbers() {
    let [a, b] = ["a", "b"].map(|end| format!("{}{end}", "0123456789".repeat(40)));
    let mut secrets = Secrets::default();
    for (name, value) in [("password", &a), ("token", &b)] {
        secrets.learn(&[name.to_owned()], &Value::from(value.clone()));
    }
    let masker = secrets.masker();
    let shown = masker.text(&format!("<{b}> <{a}>"));
    assert_eq!(shown, "<(sensitive #2)> <(sensitive #1)>");
}
