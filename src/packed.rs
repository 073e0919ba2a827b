//! Values that are kept for long and looked at seldom.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value, kept as the JSON it is written as. Each map of a tree takes more than half a kilobyte, whatever it holds; of ten
/// thousand exchanges that would be most of what a daemon takes, and in most passes it looks into none of them.
///
/// What is packed nests less deeply than JSON may be read back, which the limits of whoever made it see to
/// ([`crate::yaml::MAX_DEPTH`] and the depth of a dotted key), so that opening gives what was packed.
pub struct Packed<T> {
    text: Box<str>,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + Default> Packed<T> {
    /// Keeps a value.
    pub fn of(value: &T) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        Self {
            text: text.into_boxed_str(),
            of: PhantomData,
        }
    }

    /// The value.
    pub fn open(&self) -> T {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Changes the value.
    pub fn change(&mut self, change: impl FnOnce(&mut T)) {
        let mut value = self.open();
        change(&mut value);
        *self = Self::of(&value);
    }
}

impl<T> Packed<T> {
    /// As JSON.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<T> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            of: PhantomData,
        }
    }
}

/// Equal values have equal texts, because keys are sorted.
impl<T> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Packed<T> {}

impl<T: Serialize + DeserializeOwned + Default> Default for Packed<T> {
    fn default() -> Self {
        Self::of(&T::default())
    }
}

/// Written as the value it is.
impl<T: Serialize + DeserializeOwned + Default> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.open().serialize(serializer)
    }
}

impl<'de, T: Serialize + DeserializeOwned + Default> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self::of(&value))
    }
}

impl<T> fmt::Debug for Packed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Number, Value};

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Number(number.into())),
            any::<u64>().prop_map(|number| Value::Number(number.into())),
            any::<f64>().prop_filter_map("finite", |number| {
                Number::from_f64(number).map(Value::Number)
            }),
            ".{0,8}".prop_map(Value::String),
        ];
        leaf.prop_recursive(6, 60, 6, |below| {
            prop_oneof![
                prop::collection::vec(below.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(".{0,8}", below, 0..6)
                    .prop_map(|map| Value::Object(Map::from_iter(map))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_opened_is_what_was_packed(value in value()) {
            prop_assert_eq!(Packed::of(&value).open(), value);
        }
    }

    #[test]
    fn as_deep_as_any_exchange_may_nest() {
        let mut value = Value::Null;
        for _ in 0..crate::yaml::MAX_DEPTH + 40 {
            value = Value::Array(vec![value]);
        }
        assert_eq!(Packed::of(&value).open(), value);
    }
}
