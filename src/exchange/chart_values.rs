//! The values the official chart knows, by name and kind, with the version that brought each and the default where all
//! versions agree. Charts from 1.0 on; what a later line adds is not here yet.

use semver::Version;

/// The last line that was looked at.
pub(super) const NEWEST: (u64, u64) = (2, 14);

/// What stands under a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// True or false.
    Flag(Option<bool>),
    /// A whole number.
    Number(u64),
    /// A text or a number, such as a size.
    Text(Option<&'static str>),
    /// A list.
    List,
    /// A map of what is not the chart's: fields of Kubernetes, options of the server, labels.
    Free,
    /// Such a map, but these keys of it are the chart's.
    FreeWith(Keys),
    /// Environment variables.
    Variables,
    /// A map of these keys.
    Map(Keys),
    /// A map of any keys, each with one of these maps.
    Named(Keys),
}

/// Keys of one map, in groups that several maps have in common.
pub(super) type Keys = &'static [&'static [Key]];

/// A key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    since: (u64, u64, u64),
}

impl Key {
    const fn since(self, major: u64, minor: u64, patch: u64) -> Self {
        Self {
            since: (major, minor, patch),
            ..self
        }
    }

    /// The version that brought it, if a chart of this version lacks it.
    pub(super) fn too_new_for(&self, version: &Version) -> Option<String> {
        let (major, minor, patch) = self.since;
        let since = Version::new(major, minor, patch);
        (*version < since).then(|| since.to_string())
    }
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        since: (1, 0, 0),
    }
}

const fn flag(name: &'static str, default: bool) -> Key {
    key(name, Kind::Flag(Some(default)))
}

const fn number(name: &'static str, default: u64) -> Key {
    key(name, Kind::Number(default))
}

const fn text(name: &'static str, default: &'static str) -> Key {
    key(name, Kind::Text(Some(default)))
}

/// A text without a default, or with one that is not the same everywhere.
const fn word(name: &'static str) -> Key {
    key(name, Kind::Text(None))
}

const fn free(name: &'static str) -> Key {
    key(name, Kind::Free)
}

const fn map(name: &'static str, keys: Keys) -> Key {
    key(name, Kind::Map(keys))
}

const MERGED: &[Key] = &[free("merge"), key("patch", Kind::List)];
const NAMED: &[Key] = &[word("name")];
const OBJECT: Keys = &[MERGED, NAMED];
const SWITCHED_OFF: &[Key] = &[flag("enabled", false)];
const SWITCHED_ON: &[Key] = &[flag("enabled", true)];
const CERTIFICATE: &[Key] = &[
    word("secretName"),
    word("dir"),
    text("cert", "tls.crt"),
    text("key", "tls.key"),
];
const TLS: Keys = &[SWITCHED_OFF, CERTIFICATE, MERGED];
const IMAGE: Keys = &[&[
    word("repository"),
    word("tag"),
    word("pullPolicy"),
    word("registry"),
    word("digest").since(1, 2, 11),
    word("fullImageName").since(1, 2, 11),
]];
const PROGRAM: &[Key] = &[map("image", IMAGE), key("env", Kind::Variables)];
const ACCOUNT: Keys = &[SWITCHED_OFF, MERGED, NAMED];

const CLUSTER: &[Key] = &[
    number("port", 6222),
    number("replicas", 3),
    flag("noAdvertise", true).since(2, 12, 4),
    map(
        "routeURLs",
        &[&[
            word("user"),
            word("password"),
            flag("useFQDN", false),
            text("k8sClusterDomain", "cluster.local"),
        ]],
    ),
    map("tls", TLS),
];
const JETSTREAM: &[Key] = &[
    map(
        "fileStore",
        &[
            SWITCHED_ON,
            &[
                text("dir", "/data"),
                map(
                    "pvc",
                    &[
                        SWITCHED_ON,
                        &[text("size", "10Gi"), word("storageClassName")],
                        MERGED,
                        NAMED,
                    ],
                ),
                word("maxSize"),
            ],
        ],
    ),
    map("memoryStore", &[SWITCHED_OFF, &[text("maxSize", "1Gi")]]),
];
const INGRESS: Keys = &[
    SWITCHED_OFF,
    &[
        key("hosts", Kind::List),
        text("path", "/"),
        text("pathType", "Exact"),
        word("className"),
        word("tlsSecretName"),
    ],
    MERGED,
    NAMED,
];
const RESOLVER: &[Key] = &[
    text("dir", "/data/resolver"),
    map(
        "pvc",
        &[
            SWITCHED_ON,
            &[text("size", "1Gi"), word("storageClassName")],
            MERGED,
            NAMED,
        ],
    ),
];

/// Below `config`.
const CONFIG: Keys = &[
    &[
        map("cluster", &[SWITCHED_OFF, CLUSTER, MERGED]),
        map("jetstream", &[SWITCHED_OFF, JETSTREAM, MERGED]),
        map("nats", &[&[number("port", 4222), map("tls", TLS)]]),
        map(
            "leafnodes",
            &[
                SWITCHED_OFF,
                &[number("port", 7422), map("tls", TLS)],
                MERGED,
            ],
        ),
        map(
            "websocket",
            &[
                SWITCHED_OFF,
                &[
                    number("port", 8080),
                    map("tls", TLS),
                    map("ingress", INGRESS),
                ],
                MERGED,
            ],
        ),
        map(
            "mqtt",
            &[
                SWITCHED_OFF,
                &[number("port", 1883), map("tls", TLS)],
                MERGED,
            ],
        ),
        map(
            "gateway",
            &[
                SWITCHED_OFF,
                &[number("port", 7222), map("tls", TLS)],
                MERGED,
            ],
        ),
        map(
            "monitor",
            &[
                SWITCHED_ON,
                &[number("port", 8222), map("tls", &[SWITCHED_OFF])],
            ],
        ),
        map("profiling", &[SWITCHED_OFF, &[number("port", 65432)]]),
        map("resolver", &[SWITCHED_OFF, RESOLVER, MERGED]),
        text("serverNamePrefix", ""),
    ],
    MERGED,
];

const PORT_OF_SERVICE: Kind = Kind::FreeWith(&[&[key("enabled", Kind::Flag(None))]]);
const PORTS_OF_SERVICE: Keys = &[&[
    key("nats", PORT_OF_SERVICE),
    key("leafnodes", PORT_OF_SERVICE),
    key("websocket", PORT_OF_SERVICE),
    key("mqtt", PORT_OF_SERVICE),
    key("cluster", PORT_OF_SERVICE),
    key("gateway", PORT_OF_SERVICE),
    key("monitor", PORT_OF_SERVICE),
    key("profiling", PORT_OF_SERVICE),
]];
const PORTS_OF_CONTAINER: Keys = &[&[
    free("nats"),
    free("leafnodes"),
    free("websocket"),
    free("mqtt"),
    free("cluster"),
    free("gateway"),
    free("monitor"),
    free("profiling"),
]];

const SECRET_FILE: Keys = &[&[
    word("contents"),
    word("secretName"),
    word("dir"),
    word("key"),
]];
const CONTEXT: Keys = &[
    &[
        map("creds", SECRET_FILE),
        map("nkey", SECRET_FILE),
        map("tls", &[CERTIFICATE]),
    ],
    MERGED,
];
const BOX: &[Key] = &[
    key("contexts", Kind::Named(CONTEXT)),
    text("defaultContextName", "default"),
    map(
        "container",
        &[PROGRAM, &[free("resources").since(1, 3, 15)], MERGED],
    ),
    map("deployment", OBJECT),
    map("podTemplate", &[MERGED]),
    map("contextsSecret", OBJECT),
    map("contentsSecret", OBJECT),
    map("serviceAccount", ACCOUNT),
];

/// The outermost values.
pub(super) const VALUES: Keys = &[&[
    map(
        "global",
        &[&[
            map(
                "image",
                &[&[
                    word("pullPolicy"),
                    key("pullSecretNames", Kind::List).since(1, 1, 4),
                    word("registry"),
                ]],
            ),
            free("labels"),
        ]],
    ),
    word("nameOverride"),
    word("fullnameOverride"),
    word("namespaceOverride"),
    map(
        "tlsCA",
        &[
            SWITCHED_OFF,
            &[
                word("configMapName"),
                word("secretName"),
                text("dir", "/etc/nats-ca-cert"),
                text("key", "ca.crt"),
            ],
        ],
    ),
    map("config", CONFIG),
    map(
        "container",
        &[
            PROGRAM,
            &[
                map("ports", PORTS_OF_CONTAINER),
                free("resources").since(1, 3, 15),
            ],
            MERGED,
        ],
    ),
    map(
        "reloader",
        &[
            SWITCHED_ON,
            PROGRAM,
            &[key("natsVolumeMountPrefixes", Kind::List)],
            MERGED,
        ],
    ),
    map(
        "promExporter",
        &[
            SWITCHED_OFF,
            PROGRAM,
            &[
                number("port", 7777),
                text("monitorDomain", "localhost").since(1, 3, 3),
                map("podMonitor", ACCOUNT),
            ],
            MERGED,
        ],
    ),
    map(
        "service",
        &[
            SWITCHED_ON,
            &[map("ports", PORTS_OF_SERVICE)],
            MERGED,
            NAMED,
        ],
    ),
    map("statefulSet", OBJECT),
    map(
        "podTemplate",
        &[
            // On before 2.12.4.
            &[
                key("configChecksumAnnotation", Kind::Flag(None)),
                free("topologySpreadConstraints"),
            ],
            MERGED,
        ],
    ),
    map("headlessService", OBJECT),
    map("configMap", OBJECT),
    map("podDisruptionBudget", &[SWITCHED_ON, MERGED, NAMED]),
    map("serviceAccount", ACCOUNT),
    map("natsBox", &[SWITCHED_ON, BOX]),
    key("extraResources", Kind::List),
]];

/// The key of this name.
pub(super) fn find(keys: Keys, name: &str) -> Option<&'static Key> {
    keys.iter().copied().flatten().find(|key| key.name == name)
}

/// The names of a map.
pub(super) fn names(keys: Keys) -> impl Iterator<Item = &'static str> {
    keys.iter().copied().flatten().map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once_in_a_map() {
        fn look(keys: Keys, at: &str) {
            let mut seen = std::collections::BTreeSet::new();
            for key in keys.iter().copied().flatten() {
                assert!(seen.insert(key.name), "{at}.{}", key.name);
                if let Kind::Map(keys) | Kind::FreeWith(keys) | Kind::Named(keys) = key.kind {
                    look(keys, &format!("{at}.{}", key.name));
                }
            }
        }
        look(VALUES, "");
    }
}
