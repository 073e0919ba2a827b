//! Each value of an exchange, and which layer set it.

use serde_json::Value;

use crate::diagnostic::shortened;
use crate::exchange::desired::{DesiredExchange, Layer};
use crate::report::{UNBOUNDED, room, safe, shown_path, shown_value, wrapped_items};

/// Before each value.
const INDENT: &str = "  ";
/// Before what does not stand beside its path.
const BELOW: &str = "      ";

/// A value: its path, itself, and who set it.
type Row = [String; 3];

/// All of them. What does not fit beside its path stands below it, a long value without its middle; where no terminal shows
/// it, all is whole and parted by tabs.
pub(super) fn layers(exchange: &DesiredExchange, width: u16) -> String {
    let rows = rows(exchange);
    let begins = [
        exchange.id.to_string(),
        format!("({}:{})", safe(&exchange.file), exchange.line),
    ];
    let mut lines = vec![
        paragraph(&begins, "", width),
        format!("chart {} {}", exchange.chart.name, exchange.chart.version),
        format!("digest {}", exchange.digest),
    ];
    lines.extend(table(&rows, width));
    lines.join("\n")
}

fn rows(exchange: &DesiredExchange) -> Vec<Row> {
    let (values, provenance) = (exchange.values.open(), exchange.provenance.open());
    let rows = provenance.iter().map(|(path, origin)| {
        let value = path.iter().try_fold(&values, |value, key| match value {
            Value::Object(map) => map.get(key),
            Value::Array(list) => key.parse::<usize>().ok().and_then(|index| list.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        });
        let layer = match &origin.layer {
            Layer::Base => "values.yaml".to_owned(),
            Layer::Profile(name) => format!("profiles/{name}.yaml"),
            Layer::Block(name) => format!("{name} of the exchange"),
            Layer::Exchange => "helm_values of the exchange".to_owned(),
        };
        let value = shown_value(path, value.unwrap_or(&Value::Null));
        [shown_path(path), value, safe(&layer)]
    });
    rows.collect()
}

/// Columns as wide as most rows need, so that a few long ones do not move all others.
fn table(rows: &[Row], width: u16) -> Vec<String> {
    if width == UNBOUNDED {
        return rows.iter().map(|row| row.join("\t")).collect();
    }
    let room = usize::from(width);
    let widest = |cell: fn(&Row) -> &String| {
        let widths = rows.iter().map(|row| cell(row).chars().count());
        widths.max().unwrap_or_default()
    };
    let layers = widest(|[_, _, layer]| layer);
    let values = widest(|[_, value, _]| value).min(room / 5);
    let left = room.saturating_sub(INDENT.len() * 3 + values + layers);
    let paths = widest(|[path, _, _]| path).min(left);
    let rows = rows.iter().map(|[path, value, layer]| {
        let line = format!("{INDENT}{path:paths$}  {value:values$}  {layer}");
        if line.chars().count() <= room {
            return line;
        }
        let value = shortened(value, room.saturating_sub(BELOW.len()));
        paragraph(&[path.clone(), value, layer.clone()], INDENT, width)
    });
    rows.collect()
}

/// What belongs together, in one line where it fits.
fn paragraph(items: &[String], indent: &str, width: u16) -> String {
    let room = room(width).saturating_sub(BELOW.len());
    let lines = wrapped_items(items, "  ", room);
    format!("{indent}{}", lines.join(&format!("\n{BELOW}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::world::exchange;

    #[test]
    fn values_fit_into_the_window_and_are_whole_where_nobody_looks_at_one() {
        let long = "x".repeat(300);
        let mut exchange = exchange("orders", json!({}));
        exchange.file = format!("exchanges/{}.yaml", "team/".repeat(8));
        let layer = "helm_values of the exchange";
        let path = "podTemplate.topologySpreadConstraints.kubernetes\\.io/hostname.maxSkew";
        let rows = [
            ["config.cluster.enabled", "true", layer],
            [path, "1", layer],
            ["config.merge.note", &long, layer],
        ];
        let rows = rows.map(|row| row.map(str::to_owned));
        for width in [60, 80, 120, 200] {
            let text = table(&rows, width).join("\n");
            let room = usize::from(width).max(path.len() + 2);
            assert!(
                text.lines().all(|line| line.chars().count() <= room),
                "{width}: {text}"
            );
            assert!(text.contains(path) && text.contains("xxx…xxx"), "{text}");
        }
        let narrow = table(&rows, 80);
        assert_eq!(
            narrow[0],
            format!("  {:31}  {:16}  {}", rows[0][0], "true", rows[0][2])
        );
        assert!(narrow[1].contains(&format!("{path}  1\n")), "{narrow:?}");
        let piped = table(&rows, UNBOUNDED);
        assert_eq!(piped[2], format!("config.merge.note\t{long}\t{layer}"));
        let head = layers(&exchange, 80);
        assert!(head.lines().all(|line| line.len() <= 80), "{head}");
    }
}
