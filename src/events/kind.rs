//! What events tell: words that scripts may rely on.

macro_rules! kinds {
    ($($name:ident $word:literal: $story:literal,)*) => {
        /// What an event tells.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = $story] $name,)* }

        impl Kind {
            /// All of them, in the order of docs/events.md.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The last token of the subject.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// When it is told.
            pub fn story(self) -> &'static str {
                match self { $(Self::$name => $story,)* }
            }
        }
    };
}

kinds! {
    Applying "applying": "helm is about to change or remove the release",
    Applied "applied": "An action is done: released, healthy and in the registry",
    Removed "removed": "The exchange is gone from its cluster and from the registry; whatever was told of it is over",
    Failed "failed": "An action failed; told again only after something changed or it worked in between",
    Blocked "blocked": "A rule or a person holds it back; told again when the reason changes",
    Unblocked "unblocked": "It is no longer held back",
    Drifted "drifted": "Somebody else changed the release, its objects or its record",
    Restored "restored": "Release and record are as git says again",
    Healthy "healthy": "Its servers are well",
    Degraded "degraded": "Its servers are not well, twice in a row; told again when the reason changes",
    Troubled "troubled": "A cluster or the registry cannot be read, no pass can be made, settings or a kubeconfig are not in force, or a file names no exchange",
    Recovered "recovered": "That trouble is over",
}
