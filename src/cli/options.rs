//! Options every command takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;
use crate::config::{ConfigError, Loaded, Overrides, Settings, Told, load, state_place};
use crate::state::State;
use crate::state::lock::Holder;

/// Whether output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people.
    Text,
    /// The comment of a pull request.
    Markdown,
    /// For machines.
    Json,
}

/// The form of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
    /// SARIF 2.1.0.
    Sarif,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Settings file [default: /etc/natsx-sync/config.yaml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The repository with the exchange files: a folder, a path or an address
    #[arg(long, global = true, value_name = "DIR|URL")]
    pub source: Option<String>,
    /// A commit, branch or tag of it, instead of the files as they stand
    #[arg(long, global = true, value_name = "REV")]
    pub revision: Option<String>,
    /// A cluster to serve: its id and its kubeconfig; without ID the context's name (can be repeated)
    #[arg(long, global = true, value_name = "[ID=]FILE")]
    pub kubeconfig: Vec<String>,
    /// The state folder
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Colour the output
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    pub color: Color,
    /// Say more (can be repeated)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say less
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Common {
    /// What the options say about settings.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            source: self.source.clone(),
            kubeconfigs: self
                .kubeconfig
                .iter()
                .map(|text| split_kubeconfig(text))
                .collect(),
            state: self.state.clone(),
            only_named: false,
        }
    }

    /// The resolved settings.
    pub(crate) fn settings(&self) -> Result<Loaded, ConfigError> {
        self.settings_with(&self.overrides())
    }

    /// The settings a daemon was started with, and what others need to have the same.
    pub(crate) fn telling(&self, loaded: &Loaded, found: String) -> Told {
        Told::of(loaded, &self.overrides(), found, &variable)
    }

    /// The settings of the daemon that works in the state folder, as `status` and `reconcile` find it, as far as they say
    /// what is declared: nothing that is run and nothing that logs in, so it does not matter who wrote them. None where no
    /// daemon tells them, or whoever asks names settings of their own.
    pub(crate) fn daemon_settings(&self) -> Option<Result<Settings, ConfigError>> {
        let (holder, folder) = self.daemon()?;
        let loaded = load_told(&holder.told?, folder);
        Some(loaded.map(|loaded| loaded.settings.only_to_read()))
    }

    /// The daemon, where its settings are meant.
    fn daemon(&self) -> Option<(Holder, PathBuf)> {
        let by_flag = self.config.is_some() || self.source.is_some() || !self.kubeconfig.is_empty();
        let mut by_variable = ["NATSX_SYNC_CONFIG", "NATSX_SYNC_SOURCE_URL"].into_iter();
        if by_flag || by_variable.any(|name| variable(name).is_some_and(|text| !text.is_empty())) {
            return None;
        }
        let folder = self.state_folder()?;
        let holder = State::look(&folder).ok()?.holder()?;
        holder.told.is_some().then_some((holder, folder))
    }

    /// The settings of the daemon with all they name, else those of this command. What is run then is run as whoever asks, so
    /// only root and they themselves are believed.
    pub(crate) fn settings_as_served(&self, output: &Output) -> Result<Settings, ConfigError> {
        let loaded = match self.daemon() {
            Some((
                Holder {
                    doubt: Some(doubt), ..
                },
                _,
            )) => {
                output.say(&format!(
                    "note: the settings of the daemon are not used here, as {doubt}, and what they name would be run or sent; run it as the daemon's user, or give --config FILE"
                ));
                self.settings()
            }
            Some((
                Holder {
                    told: Some(told), ..
                },
                folder,
            )) => load_told(&told, folder),
            Some(_) | None => self.settings(),
        };
        Ok(loaded?.settings)
    }

    /// Where the state is, for those who only look: known also where the settings cannot be used.
    pub(crate) fn state_folder(&self) -> Option<PathBuf> {
        state_place(&self.overrides(), &variable)
    }

    /// The resolved settings with more overrides.
    #[expect(
        clippy::unused_self,
        reason = "the options are where settings come from"
    )]
    pub(crate) fn settings_with(&self, overrides: &Overrides) -> Result<Loaded, ConfigError> {
        load(overrides, &variable)
    }
}

/// What a daemon told, and what the environment of this command says beyond that.
fn load_told(told: &Told, folder: PathBuf) -> Result<Loaded, ConfigError> {
    let environment = |name: &str| variable(name).or_else(|| told.variables.get(name).cloned());
    load(&told.overrides(folder), &environment)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `ID=FILE` or `FILE`; a path may contain `=`, an id cannot contain `/`.
fn split_kubeconfig(text: &str) -> (Option<String>, PathBuf) {
    match text.split_once('=') {
        Some((id, file)) if !id.is_empty() && !id.contains('/') => {
            (Some(id.to_owned()), file.into())
        }
        _ => (None, text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubeconfig_options_are_split_at_the_first_equals_sign() {
        assert_eq!(
            split_kubeconfig("us=/a=b"),
            (Some("us".into()), "/a=b".into())
        );
        assert_eq!(split_kubeconfig("/a=b"), (None, "/a=b".into()));
    }
}
