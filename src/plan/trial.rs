//! What helm and nats-server refuse, put where somebody can mend it.

use super::action::PlannedExchange;
use super::scene::Held;
use crate::diagnostic::Diagnostic;
use crate::exchange::desired::{DesiredExchange, Provenance, ValueOrigin};
use crate::observe::observed::{Complaint, Render, Trial};
use crate::reason::Reason;

/// Why an exchange cannot be released at all, where helm or a server said so.
pub(super) fn refusal(
    entry: &mut PlannedExchange,
    exchange: &DesiredExchange,
    render: Option<&Render>,
) -> Option<Held> {
    let complaints = match render? {
        Render::Refused(text) => {
            return Some(Held::blocked(
                Reason::RenderFailed,
                format!("helm could not render the chart: {text}"),
            ));
        }
        Render::Missing(_) => return None,
        Render::Rendered(rendered) => match &rendered.trial {
            Trial::Refused(complaints) => complaints,
            Trial::Open(why) => {
                let note = format!("nats-server cannot judge the configuration: {why}");
                entry.diagnostics.push(
                    Diagnostic::note(Reason::ConfigUntested, note).in_file(exchange.file.clone()),
                );
                return None;
            }
            Trial::Untried | Trial::Taken => return None,
        },
    };
    let words: Vec<String> = complaints.iter().map(in_words).collect();
    let provenance = exchange.provenance.open();
    for (complaint, words) in complaints.iter().zip(&words) {
        let error = located(complaint, words, exchange, &provenance);
        entry.diagnostics.push(error);
    }
    let text = format!(
        "nats-server refuses the configuration: {}; running servers would keep the old one, and none would start anew",
        words.join("; ")
    );
    Some(Held::blocked(Reason::ConfigRefused, text))
}

fn in_words(complaint: &Complaint) -> String {
    if complaint.path.is_empty() {
        complaint.text.clone()
    } else {
        format!("{}: {}", complaint.path.join("."), complaint.text)
    }
}

fn located(
    complaint: &Complaint,
    words: &str,
    exchange: &DesiredExchange,
    provenance: &Provenance,
) -> Diagnostic {
    let error = Diagnostic::error(Reason::ConfigRefused, format!("nats-server says: {words}"))
        .hint("mend the value; sizes and variables are written `<< 2MB >>` and `<< $NAME >>`");
    match origin(&complaint.path, provenance) {
        Some(origin) => error.at(exchange.file_of(&origin.layer), origin.line, origin.column),
        None => error.at(exchange.file.clone(), exchange.line, 1),
    }
}

/// Where the option of the server's configuration is set among the chart's values.
fn origin<'p>(option: &[String], provenance: &'p Provenance) -> Option<&'p ValueOrigin> {
    let set_at = |path: &Vec<String>| provenance.of(path).or_else(|| provenance.below(path));
    candidates(option).iter().find_map(set_at)
}

/// Values that may have become an option, the likeliest first.
fn candidates(option: &[String]) -> Vec<Vec<String>> {
    let Some((first, rest)) = option.split_first() else {
        return Vec::new();
    };
    let path = |steps: &[&str], rest: &[String]| {
        let steps = steps.iter().map(|step| (*step).to_owned());
        steps.chain(rest.iter().cloned()).collect::<Vec<_>>()
    };
    let section = first.as_str();
    let mut found = vec![path(&["config", "merge"], option)];
    if SECTIONS.contains(&section) {
        found.push(path(&["config", section, "merge"], rest));
        if let Some(("tls", rest)) = rest.split_first().map(|(key, rest)| (key.as_str(), rest)) {
            found.push(path(&["config", section, "tls", "merge"], rest));
            found.push(path(&["config", section, "tls"], &[]));
        }
        found.push(path(&["config", section], rest));
    }
    if section == "tls" {
        found.push(path(&["config", "nats", "tls", "merge"], rest));
        found.push(path(&["config", "nats", "tls"], &[]));
    }
    let made = MADE_FROM
        .iter()
        .filter(|(made, _)| made.split('.').eq(option));
    found.extend(made.map(|(_, from)| from.split('.').map(str::to_owned).collect()));
    found.push(path(&["config", "patch"], &[]));
    if SECTIONS.contains(&section) {
        found.push(path(&["config", section, "patch"], &[]));
        found.push(path(&["config", section], &[]));
    }
    found
}

/// Parts of the configuration that are parts of the chart's `config`, too.
const SECTIONS: &[&str] = &[
    "cluster",
    "gateway",
    "jetstream",
    "leafnodes",
    "mqtt",
    "resolver",
    "websocket",
];

/// Options the chart writes from values of another name.
const MADE_FROM: &[(&str, &str)] = &[
    ("http_port", "config.monitor.port"),
    ("https_port", "config.monitor.port"),
    (
        "jetstream.max_file_store",
        "config.jetstream.fileStore.maxSize",
    ),
    (
        "jetstream.max_file_store",
        "config.jetstream.fileStore.pvc.size",
    ),
    (
        "jetstream.max_memory_store",
        "config.jetstream.memoryStore.maxSize",
    ),
    ("jetstream.store_dir", "config.jetstream.fileStore.dir"),
    ("port", "config.nats.port"),
    ("prof_port", "config.profiling.port"),
    ("server_name", "config.serverNamePrefix"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exchange::desired::Layer;
    use crate::observe::observed::Rendered;
    use crate::packed::Packed;
    use crate::plan::tests::world::exchange;

    fn shop(set: &[(&str, Layer, u32)]) -> DesiredExchange {
        let mut shop = exchange("shop", json!({}));
        shop.blobs.change(|blobs| {
            blobs.insert("profiles/big.yml".to_owned(), "blob".to_owned());
        });
        let mut provenance = Provenance::default();
        for (path, layer, line) in set {
            let origin = ValueOrigin {
                layer: layer.clone(),
                line: *line,
                column: 3,
            };
            let path = path.split('.').map(str::to_owned).collect();
            provenance.set(path, origin);
        }
        shop.provenance = Packed::of(&provenance);
        shop
    }

    fn place(option: &str, set: &[(&str, Layer, u32)]) -> String {
        let shop = shop(set);
        let complaint = Complaint {
            path: option.split('.').map(str::to_owned).collect(),
            text: "no".to_owned(),
        };
        let found = located(&complaint, "no", &shop, &shop.provenance.open());
        format!("{}:{}", found.file.unwrap(), found.line.unwrap())
    }

    #[test]
    fn an_option_is_found_where_it_was_set() {
        let own = |path| [(path, Layer::Exchange, 7)];
        for (option, set) in [
            ("max_payload", "config.merge.max_payload"),
            (
                "authorization.users.password",
                "config.merge.authorization.users",
            ),
            ("cluster.prt", "config.cluster.merge.prt"),
            ("cluster.prt", "config.merge.cluster.prt"),
            ("tls.cert_file", "config.nats.tls.secretName"),
            ("leafnodes.tls.verify", "config.leafnodes.tls.merge.verify"),
            (
                "jetstream.max_file_store",
                "config.jetstream.fileStore.pvc.size",
            ),
            ("jetstream.limits", "config.jetstream.merge"),
        ] {
            assert_eq!(
                place(option, &own(set)),
                "exchanges/shop.yaml:7",
                "{option}"
            );
        }
        let profile = [(
            "config.merge.max_payload",
            Layer::Profile("big".to_owned()),
            2,
        )];
        assert_eq!(place("max_payload", &profile), "profiles/big.yml:2");
        assert_eq!(
            place("max_payload", &own("config.merge.debug")),
            "exchanges/shop.yaml:1"
        );
    }

    #[test]
    fn a_server_that_cannot_judge_holds_nothing_back() {
        let shop = shop(&[]);
        let mut entry = PlannedExchange::declared(&shop);
        for (trial, held, said) in [
            (Trial::Untried, false, 0),
            (Trial::Taken, false, 0),
            (Trial::Open("not known here: $A".to_owned()), false, 1),
            (
                Trial::Refused(vec![Complaint {
                    path: Vec::new(),
                    text: "no".to_owned(),
                }]),
                true,
                1,
            ),
        ] {
            entry.diagnostics.clear();
            let render = Render::Rendered(Rendered {
                trial,
                ..Rendered::default()
            });
            let found = refusal(&mut entry, &shop, Some(&render));
            assert_eq!((found.is_some(), entry.diagnostics.len()), (held, said));
        }
    }
}
