//! The filters of a query: the part of MongoDB's language that callers of the original use.
//! What is not understood is refused, because a condition passed over would list too much.

use regex::{Regex, RegexBuilder};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Large enough for alternatives over many ids, small enough not to matter.
const REGEX_SIZE: usize = 1 << 20;
/// So many in one query: each may take the size above to hold, and again to match.
const MOST_REGEXES: usize = 16;

/// Why a filter is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FilterError {
    #[error("a filter is an object; {{}} lists everything")]
    NoObject,
    #[error("unknown operator {0}")]
    UnknownOperator(String),
    #[error("{0} takes another kind of value")]
    BadOperand(String),
    #[error("{0} patterns; a query may have {MOST_REGEXES}")]
    TooManyPatterns(usize),
}

/// A filter, ready to be asked.
#[derive(Debug)]
pub(super) struct Filter(Vec<Clause>);

#[derive(Debug)]
enum Clause {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Field { path: Vec<String>, tests: Vec<Test> },
}

#[derive(Debug)]
enum Test {
    Equal(Value),
    In(Vec<Value>),
    Exists(bool),
    Matches(Regex),
    Not(Vec<Self>),
}

impl Filter {
    pub(super) fn read(filter: &Value) -> Result<Self, FilterError> {
        match patterns(filter) {
            0..=MOST_REGEXES => Self::of(filter),
            many => Err(FilterError::TooManyPatterns(many)),
        }
    }

    fn of(filter: &Value) -> Result<Self, FilterError> {
        let filter = filter.as_object().ok_or(FilterError::NoObject)?;
        let clauses = filter.iter().map(|(key, value)| clause(key, value));
        Ok(Self(clauses.collect::<Result<_, _>>()?))
    }

    /// Whether a record as it is stored fits. Each is read for it, even where there is no condition: one that nobody can
    /// read would hide all the others from whoever asks.
    pub(super) fn takes(&self, record: &RawValue) -> serde_json::Result<bool> {
        Ok(self.matches(&serde_json::from_str(record.get())?))
    }

    fn matches(&self, record: &Value) -> bool {
        self.0.iter().all(|clause| match clause {
            Clause::All(filters) => filters.iter().all(|filter| filter.matches(record)),
            Clause::Any(filters) => filters.iter().any(|filter| filter.matches(record)),
            Clause::Field { path, tests } => {
                let mut found = Vec::new();
                reach(record, path, &mut found);
                tests.iter().all(|test| test.holds(&found))
            }
        })
    }

    /// The key, when the filter asks for exactly one: no need to look at every record.
    pub(super) fn key(filter: &Value) -> Option<&str> {
        let filter = filter.as_object().filter(|filter| filter.len() == 1)?;
        filter.get("system_id")?.as_str()
    }
}

fn patterns(value: &Value) -> usize {
    match value {
        Value::Object(map) => {
            usize::from(map.contains_key("$regex")) + map.values().map(patterns).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(patterns).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn clause(key: &str, value: &Value) -> Result<Clause, FilterError> {
    let filters = || {
        let list = value.as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| FilterError::BadOperand(key.to_owned()))?;
        list.iter().map(Filter::of).collect::<Result<Vec<_>, _>>()
    };
    match key {
        "$and" => Ok(Clause::All(filters()?)),
        "$or" => Ok(Clause::Any(filters()?)),
        _ if key.starts_with('$') => Err(FilterError::UnknownOperator(key.to_owned())),
        _ => Ok(Clause::Field {
            path: key.split('.').map(str::to_owned).collect(),
            tests: tests(value)?,
        }),
    }
}

fn tests(value: &Value) -> Result<Vec<Test>, FilterError> {
    match value.as_object() {
        Some(operators) if operators.keys().any(|key| key.starts_with('$')) => operators
            .iter()
            .filter(|(operator, _)| {
                operator.as_str() != "$options" || !operators.contains_key("$regex")
            })
            .map(|(operator, operand)| test(operator, operand, operators))
            .collect(),
        _ => Ok(vec![Test::Equal(value.clone())]),
    }
}

fn test(operator: &str, operand: &Value, all: &Map<String, Value>) -> Result<Test, FilterError> {
    let bad = || FilterError::BadOperand(operator.to_owned());
    let list = || operand.as_array().cloned().ok_or_else(bad);
    Ok(match operator {
        "$eq" => Test::Equal(operand.clone()),
        "$ne" => Test::Not(vec![Test::Equal(operand.clone())]),
        "$in" => Test::In(list()?),
        "$nin" => Test::Not(vec![Test::In(list()?)]),
        "$exists" => Test::Exists(operand.as_bool().ok_or_else(bad)?),
        "$not" => Test::Not(tests(operand).and_then(|tests| {
            if operand.is_object() {
                Ok(tests)
            } else {
                Err(bad())
            }
        })?),
        "$regex" => {
            let options = all
                .get("$options")
                .map_or(Some(""), Value::as_str)
                .ok_or_else(bad)?;
            if !options.chars().all(|option| "imsx".contains(option)) {
                return Err(FilterError::BadOperand("$options".to_owned()));
            }
            let regex = RegexBuilder::new(operand.as_str().ok_or_else(bad)?)
                .case_insensitive(options.contains('i'))
                .multi_line(options.contains('m'))
                .dot_matches_new_line(options.contains('s'))
                .ignore_whitespace(options.contains('x'))
                .size_limit(REGEX_SIZE)
                .dfa_size_limit(REGEX_SIZE)
                .build();
            Test::Matches(regex.map_err(|_| bad())?)
        }
        _ => return Err(FilterError::UnknownOperator(operator.to_owned())),
    })
}

impl Test {
    fn holds(&self, found: &[&Value]) -> bool {
        match self {
            Self::Equal(wanted) => equals(found, wanted),
            Self::In(list) => list.iter().any(|wanted| equals(found, wanted)),
            Self::Exists(wanted) => *wanted != found.is_empty(),
            Self::Matches(regex) => {
                let is_match =
                    |value: &Value| value.as_str().is_some_and(|text| regex.is_match(text));
                found
                    .iter()
                    .any(|value| is_match(value) || elements(value).iter().any(is_match))
            }
            Self::Not(tests) => !tests.iter().all(|test| test.holds(found)),
        }
    }
}

/// A missing field equals null, and a list equals each of its elements.
fn equals(found: &[&Value], wanted: &Value) -> bool {
    (wanted.is_null() && found.is_empty())
        || found.iter().any(|value| {
            same(value, wanted) || elements(value).iter().any(|element| same(element, wanted))
        })
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        // 1 and 1.0 are one number to the original.
        (Value::Number(left), Value::Number(right)) if left.is_f64() != right.is_f64() => {
            left.as_f64() == right.as_f64()
        }
        _ => left == right,
    }
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn reach<'a>(value: &'a Value, path: &[String], found: &mut Vec<&'a Value>) {
    let Some((step, rest)) = path.split_first() else {
        found.push(value);
        return;
    };
    if let Some(inner) = value.get(step.as_str()) {
        reach(inner, rest, found);
    }
    for element in elements(value).iter().filter(|element| element.is_object()) {
        reach(element, path, found);
    }
    if let Some(element) = step
        .parse::<usize>()
        .ok()
        .and_then(|index| elements(value).get(index))
    {
        reach(element, rest, found);
    }
}
