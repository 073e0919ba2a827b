//! What no type can say of settings.

use url::Url;

use super::settings::{ChartSettings, ListenSettings, TelemetrySettings};
use super::{ConfigError, Settings};
use crate::address::is_loopback;

/// Refuses settings that could not be acted on, before anything is.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    check_chart(&settings.chart)?;
    check_telemetry(&settings.telemetry)?;
    let webhook = settings.listen.webhook;
    if settings.webhook.secret_file.is_none() && webhook != ListenSettings::default().webhook {
        return Err(ConfigError::Invalid(format!(
            "listen.webhook {webhook}: there is no webhook without a secret; name a file with one in webhook.secret_file"
        )));
    }
    Ok(())
}

/// Never quotes the address: it is refused because of the password in it, perhaps.
fn check_telemetry(telemetry: &TelemetrySettings) -> Result<(), ConfigError> {
    let Some(collector) = &telemetry.otlp else {
        return Ok(());
    };
    let wrong = if !cfg!(feature = "otel") {
        "this natsx-sync was built without traces; build one with `cargo build --release --features otel`, or take the setting away"
    } else if !matches!(collector.scheme(), "http" | "https") || !collector.has_host() {
        "traces go by OTLP over HTTP; write an address such as http://127.0.0.1:4318"
    } else if !collector.username().is_empty() || collector.password().is_some() {
        "the address holds a password; a header with one is what the environment variable OTEL_EXPORTER_OTLP_HEADERS is for"
    } else {
        return Ok(());
    };
    Err(ConfigError::Invalid(format!("telemetry.otlp: {wrong}")))
}

fn check_chart(chart: &ChartSettings) -> Result<(), ConfigError> {
    if semver::Version::parse(&chart.version).is_err() {
        return Err(ConfigError::Invalid(format!(
            "chart.version {:?} is not exact; write one such as 2.14.2",
            chart.version
        )));
    }
    if let Some((scheme, _)) = chart.repository.split_once("://")
        && !matches!(scheme, "http" | "https" | "oci")
    {
        return Err(ConfigError::Invalid(format!(
            "chart.repository: charts are not fetched from {scheme}:// addresses; name an https or oci repository, or a folder or archive of this host"
        )));
    }
    if chart.username.is_some() != chart.password_file.is_some() {
        return Err(ConfigError::Invalid(
            "chart.username and chart.password_file go together; one of them is missing".to_owned(),
        ));
    }
    let plain =
        Url::parse(&chart.repository).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url));
    if plain && chart.password_file.is_some() {
        return Err(ConfigError::Invalid(
            "chart.password_file: a login is sent over https or oci only, or to this host"
                .to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_sent_by_a_build_that_can_to_an_address_without_a_password() {
        let said = |collector: &str| {
            let otlp = Some(Url::parse(collector).unwrap());
            check_telemetry(&TelemetrySettings { otlp }).map_err(|error| error.to_string())
        };
        assert!(check_telemetry(&TelemetrySettings::default()).is_ok());
        if !cfg!(feature = "otel") {
            let error = said("http://127.0.0.1:4318").unwrap_err();
            assert!(error.contains("--features otel"), "{error}");
            return;
        }
        assert_eq!(said("http://127.0.0.1:4318"), Ok(()));
        assert!(said("grpc://collector:4317").unwrap_err().contains("HTTP"));
        let error = said("https://u:s3cret-s3cret@collector").unwrap_err();
        assert!(error.contains("HEADERS") && !error.contains("s3cret"));
    }
}
