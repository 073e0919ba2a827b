//! Events over TLS, with credentials, to a real NATS server that knows an operator.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use async_nats::ConnectOptions;
use fleet::pki::Authority;
use natsx_sync::config::Settings;
use natsx_sync::events::{NatsSink, Origin, Sink as _};
use natsx_sync::id::Instance;
use natsx_sync::reason::Reason;
use natsx_sync::status::Trouble;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::events::{installed, round, written};
use crate::host::Host;
use crate::operator::{Operator, User};
use crate::stream::{Server, stored_for};
use crate::{Case, program};

pub(crate) const CASES: &[Case] = &[
    (
        "events_reach_a_secured_server_and_files_that_are_replaced_count",
        &["nats-server"],
        events_reach_a_secured_server_and_files_that_are_replaced_count,
    ),
    (
        "a_secured_server_that_takes_nothing_says_what_to_do_and_no_secret",
        &["nats-server"],
        a_secured_server_that_takes_nothing_says_what_to_do_and_no_secret,
    ),
];

/// A server with a certificate for 127.0.0.1 and an operator's users.
struct Secured {
    folder: tempfile::TempDir,
    operator: Operator,
    server: Server,
}

impl Secured {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create(&folder.path().join("pki")).unwrap();
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        authority
            .sign("server", "nats", None, &[], &[here])
            .unwrap();
        Authority::create(&folder.path().join("other")).unwrap();
        let operator = Operator::new();
        configure(folder.path(), &operator, &[]);
        let configuration = folder.path().join("nats.conf");
        let server = Server::configured(&program("nats-server").unwrap(), Some(configuration));
        Self {
            folder,
            operator,
            server,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn credentials(&self, name: &str, user: &User, rights: Value, lasts: Option<i64>) -> PathBuf {
        let text = self.operator.credentials(user, rights, lasts);
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn url(&self) -> String {
        self.server.url().replace("nats:", "tls:")
    }

    /// What the stream holds, for a user of its own.
    fn stored(&self, runtime: &Runtime) -> Vec<String> {
        let credentials = self.credentials("reader", &User::new(), json!({}), None);
        runtime.block_on(async {
            let options = ConnectOptions::with_credentials_file(credentials).await;
            let options = options
                .unwrap()
                .add_root_certificates(self.path("pki/ca.crt"));
            let client = options.connect(self.url()).await.unwrap();
            let stored = stored_for(client, "NATSX").await;
            stored.into_iter().map(|(_, id, _)| id).collect()
        })
    }
}

fn configure(folder: &Path, operator: &Operator, revoked: &[&User]) {
    let pki = folder.join("pki");
    let text = format!(
        "tls {{cert_file: '{}', key_file: '{}'}}\n{}",
        pki.join("server.crt").display(),
        pki.join("server.key").display(),
        operator.configuration(revoked)
    );
    fs::write(folder.join("nats.conf"), text).unwrap();
}

fn events_reach_a_secured_server_and_files_that_are_replaced_count() {
    let mut secured = Secured::start();
    let (first, second) = (User::new(), User::new());
    let credentials = secured.credentials("events.creds", &first, json!({}), None);
    let trusted = secured.path("ca");
    fs::copy(secured.path("other/ca.crt"), &trusted).unwrap();
    let mut host = Host::new();
    let nats = json!({
        "url": secured.url(), "stream": "NATSX", "ca_file": trusted, "credentials_file": credentials,
    });
    host.settings(&["one"], &format!("events: {}\n", json!({"nats": nats})));
    let told = |host: &Host, word: &str| {
        host.until_status(word, |status| {
            let trouble = &status["events"][0]["trouble"];
            trouble["reason"] == "EventsNotTaken"
                && trouble["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(word))
        });
    };
    let taken = |host: &Host, what: &str| {
        host.until_status(what, |status| {
            let told = &status["events"][0];
            told["sink"] == "nats" && told["trouble"].is_null()
        });
    };
    host.start();
    told(
        &host,
        "name who signed its certificate in events.nats.ca_file",
    );
    fs::copy(secured.path("pki/ca.crt"), &trusted).unwrap();
    taken(&host, "the right authority");
    round(&host);

    // The user is let in no more, and somebody puts another one there, while the daemon runs.
    secured.server.end();
    configure(secured.folder.path(), &secured.operator, &[&first]);
    secured.server.again();
    round(&host);
    told(&host, "does not accept events.nats.credentials_file");
    secured.credentials("events.creds", &second, json!({}), None);
    taken(&host, "another user");
    round(&host);
    let wanted: Vec<_> = written(&host).into_iter().map(|event| event.id).collect();
    let runtime = Runtime::new().unwrap();
    let is_all = || secured.stored(&runtime) == wanted;
    for _ in 0..50 {
        if is_all() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(is_all(), "{wanted:?} {:?}", secured.stored(&runtime));
    let log = host.log();
    for user in [&first, &second] {
        assert!(!log.contains(&user.seed()) && !log.contains("eyJ"), "{log}");
    }
    // A trouble is a line when it begins, however often it was tried.
    assert_eq!(log.matches("does not accept").count(), 1, "{log}");
    assert!(!log.contains(" ERROR "), "{log}");
    assert_eq!(host.stop(), 0);
}

fn a_secured_server_that_takes_nothing_says_what_to_do_and_no_secret() {
    let secured = Secured::start();
    let plain = Server::start(&program("nats-server").unwrap());
    let user = User::new();
    let good = secured.credentials("good", &user, json!({}), None);
    let expired = secured.credentials("expired", &user, json!({}), Some(-10));
    let rights = json!({"pub": {"deny": ["natsx.>"]}});
    let silenced = secured.credentials("silenced", &user, rights, None);
    let stranger = secured.path("stranger");
    let text = Operator::new().credentials(&user, json!({}), None);
    fs::write(&stranger, text).unwrap();
    let garbled = secured.path("garbled");
    let text = fs::read_to_string(&good).unwrap();
    let seed = user.seed();
    let mut wrong = seed.clone();
    wrong.replace_range(10..14, "AAAA");
    fs::write(&garbled, text.replace(&seed, &wrong)).unwrap();
    let trimmed = secured.path("trimmed");
    fs::write(&trimmed, text.trim_end()).unwrap();
    let (ca, other) = (secured.path("pki/ca.crt"), secured.path("other/ca.crt"));
    let (empty, absent) = (secured.path("empty"), secured.path("absent"));
    fs::write(&empty, "").unwrap();
    let tls = secured.url();
    let named = tls.replace("127.0.0.1", "localhost");
    let stripped = plain.url();

    let runtime = Runtime::new().unwrap();
    let origin = Origin::new(
        Instance::default(),
        "/srv/x",
        "exchanges",
        "natsx.v1".to_owned(),
    );
    let event = installed(&origin);
    let publish = |url: &str, ca: &Path, credentials: Option<&Path>, stream: Option<&str>| {
        let nats =
            json!({"url": url, "ca_file": ca, "credentials_file": credentials, "stream": stream});
        let settings: Settings = serde_json::from_value(json!({"events": {"nats": nats}})).unwrap();
        let mut sink = NatsSink::new(settings.events.nats.unwrap(), &origin);
        let sent = runtime.block_on(sink.send(&event));
        sent.map_err(|error| Trouble::of(Reason::EventsNotTaken, &error).text)
    };
    assert_eq!(publish(&tls, &ca, Some(&good), Some("NATSX")), Ok(()));
    assert_eq!(publish(&tls, &ca, Some(&trimmed), None), Ok(()));
    assert_eq!(secured.stored(&runtime), std::slice::from_ref(&event.id));
    let unusable = |path: &Path| format!("{} cannot be used", path.display());
    let not_accepted = |path: &Path| {
        format!(
            "does not accept events.nats.credentials_file {}",
            path.display()
        )
    };
    let asked = "name a file in events.nats.credentials_file".to_owned();
    for (url, ca, credentials, word) in [
        (
            &tls,
            &other,
            Some(&good),
            "name who signed its certificate in events.nats.ca_file".to_owned(),
        ),
        (&tls, &absent, Some(&good), unusable(&absent)),
        (&tls, &empty, Some(&good), unusable(&empty)),
        (&named, &ca, Some(&good), "not valid for name".to_owned()),
        // Somebody between us and the server who offers no TLS.
        (&stripped, &ca, Some(&good), "no connection".to_owned()),
        (&tls, &ca, None, asked),
        (&tls, &ca, Some(&stranger), not_accepted(&stranger)),
        (&tls, &ca, Some(&expired), not_accepted(&expired)),
        (&tls, &ca, Some(&absent), unusable(&absent)),
        (&tls, &ca, Some(&empty), unusable(&empty)),
        (&tls, &ca, Some(&garbled), unusable(&garbled)),
        (
            &tls,
            &ca,
            Some(&silenced),
            "Permissions Violation for Publish".to_owned(),
        ),
    ] {
        let text = publish(url, ca, credentials.map(PathBuf::as_path), None).unwrap_err();
        assert!(text.contains(&word), "{word}: {text}");
        for secret in [&seed, &wrong, "eyJ"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
