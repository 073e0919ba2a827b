//! Reads the clusters of a snapshot one after the other, so that what a plan does not need is gone before the next is read.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Seen;
use crate::id::ClusterId;
use crate::observe::observed::{ClusterView, ReleaseKey, ReleaseView, Views};

type Settled<'s> = dyn Fn(&ClusterId, &ReleaseKey, &ReleaseView) -> bool + 's;

/// The clusters of a file that was found to be a snapshot.
pub(super) fn read(bytes: &[u8], settled: &Settled<'_>) -> Result<Views, serde_json::Error> {
    let mut text = serde_json::Deserializer::from_slice(bytes);
    text.deserialize_map(Whole(settled))
}

/// The outermost map.
struct Whole<'s>(&'s Settled<'s>);

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = Views;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snapshot")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Views, A::Error> {
        let mut clusters = Views::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "clusters" {
                clusters = map.next_value_seed(Each(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(clusters)
    }
}

/// The map of clusters.
struct Each<'s>(&'s Settled<'s>);

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = Views;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Views, D::Error> {
        text.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = Views;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of clusters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Views, A::Error> {
        let mut clusters = Views::new();
        while let Some((id, seen)) = map.next_entry::<ClusterId, Seen<ClusterView>>()? {
            let mut view = Result::from(seen);
            for (key, release) in view.iter_mut().flat_map(|view| &mut view.releases) {
                if self.0(&id, key, release) {
                    release.stored = None;
                }
            }
            clusters.insert(id, view.map(Arc::new));
        }
        Ok(clusters)
    }
}
