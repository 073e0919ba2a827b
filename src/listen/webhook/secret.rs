//! The secrets that vouch for deliveries, one a line.

use std::path::PathBuf;

use secrecy::SecretString;
use tokio::io::AsyncReadExt as _;

/// Of the file, in bytes.
const LARGEST: u64 = 16 * 1024;
/// Of a secret, in bytes: what is shorter can be guessed.
const SHORTEST: usize = 16;
/// At once; two are enough while one is changed for another.
const MOST: usize = 8;

/// Why deliveries cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("`webhook.secret_file` {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// What it holds cannot be used.
    #[error("`webhook.secret_file` {path}: {text}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to write.
        text: String,
    },
}

/// A file of secrets. It is read for each delivery, so that a secret is changed without a restart.
#[derive(Debug, Clone)]
pub struct Secrets {
    path: PathBuf,
}

impl Secrets {
    /// Those in this file.
    pub fn in_file(path: PathBuf) -> Self {
        Self { path }
    }

    /// All of them, now.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no secret, too many, or one that is too short.
    pub async fn read(&self) -> Result<Vec<SecretString>, SecretError> {
        let text = self
            .text()
            .await
            .map_err(|source| SecretError::Unreadable {
                path: self.path.clone(),
                source,
            })?;
        secrets(&text).map_err(|text| SecretError::Unfit {
            path: self.path.clone(),
            text,
        })
    }

    async fn text(&self) -> std::io::Result<String> {
        let file = tokio::fs::File::open(&self.path).await?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).await?;
        Ok(text)
    }
}

fn secrets(text: &str) -> Result<Vec<SecretString>, String> {
    let lines = text.lines().map(str::trim);
    let secrets: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    if secrets.is_empty() {
        return Err("is empty; write a secret, such as `openssl rand -hex 32` prints".to_owned());
    }
    if secrets.len() > MOST {
        return Err(format!(
            "has {} secrets, one a line; at most {MOST} count at once",
            secrets.len()
        ));
    }
    if let Some(place) = secrets.iter().position(|secret| secret.len() < SHORTEST) {
        return Err(format!(
            "secret {} has fewer than {SHORTEST} characters and can be guessed; `openssl rand -hex 32` prints a good one",
            place.saturating_add(1)
        ));
    }
    Ok(secrets.into_iter().map(SecretString::from).collect())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn each_line_is_a_secret() {
        let both = secrets("0123456789abcdef\r\n\n  fedcba9876543210\n").unwrap();
        let both: Vec<_> = both.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(both, ["0123456789abcdef", "fedcba9876543210"]);
    }

    #[rstest::rstest]
    #[case("\n", "is empty")]
    #[case("0123456789abcdef\nshort\n", "secret 2 has fewer than 16")]
    fn what_can_be_guessed_is_refused_without_being_told(#[case] text: &str, #[case] word: &str) {
        let error = secrets(text).unwrap_err();
        assert!(error.contains(word), "{error}");
        assert!(
            !error.contains("short\n") && !error.contains("0123"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_file_that_is_away_is_named() {
        let away = Secrets::in_file("/nowhere/secret".into());
        let error = away.read().await.unwrap_err().to_string();
        assert!(error.contains("/nowhere/secret"), "{error}");
    }
}
