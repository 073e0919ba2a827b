//! What no type can say of settings.

use url::Url;

use super::settings::{ChartSettings, ListenSettings};
use super::{ConfigError, Settings};
use crate::registry::is_loopback;

/// Refuses settings that could not be acted on, before anything is.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    check_chart(&settings.chart)?;
    let webhook = settings.listen.webhook;
    if settings.webhook.secret_file.is_none() && webhook != ListenSettings::default().webhook {
        return Err(ConfigError::Invalid(format!(
            "listen.webhook {webhook}: there is no webhook without a secret; name a file with one in webhook.secret_file"
        )));
    }
    Ok(())
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
