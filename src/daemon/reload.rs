//! Settings that are read again, between two passes: all of them are taken over, or none.

use std::sync::Arc;

use super::service::Word;
use super::watch::Daemon;
use super::{limits, session};
use crate::config::{Settings, need_restart};
use crate::reason::Reason;
use crate::status::Trouble;

impl Daemon<'_> {
    /// Somebody sent SIGHUP.
    pub(super) fn ask_reload(&mut self) {
        tracing::info!("told to read the settings again");
        self.service.tell(Word::Reloading);
        self.reload_asked = true;
        self.activate(std::time::Duration::ZERO);
    }

    /// Reads the settings again if somebody asked for it. No pass runs now.
    pub(super) async fn reload(&mut self) {
        if !std::mem::take(&mut self.reload_asked) {
            return;
        }
        let trouble = self.read_again().await.err();
        match &trouble {
            None => tracing::info!("the settings were read again and are in force"),
            Some(trouble) => tracing::error!(
                reason = %trouble.reason,
                text = trouble.text,
                "the settings are not taken over, the old ones stay"
            ),
        }
        self.options.board.metrics.settings(trouble.is_some());
        self.ledger.take_settings(trouble);
        self.status_changed();
        self.service.tell(Word::Ready);
    }

    async fn read_again(&mut self) -> Result<(), Trouble> {
        let settings = self.owner.settings().map_err(|error| invalid(&error))?;
        check(&self.equipment.settings, &settings)?;
        let Some(equipment) = Arc::get_mut(&mut self.equipment) else {
            self.reload_asked = true;
            return Err(Trouble {
                reason: Reason::Waiting,
                text: "a pass still works by the old settings; they are read again before the next"
                    .to_owned(),
            });
        };
        equipment
            .take_over(settings)
            .await
            .map_err(|error| invalid(&error))?;
        let settings = &self.equipment.settings;
        self.lanes.set_limits(limits(settings));
        self.session.world.set_helm_timeout(settings.helm.timeout);
        self.owner.taken(settings);
        Ok(())
    }
}

fn check(old: &Settings, new: &Settings) -> Result<(), Trouble> {
    session::check(new).map_err(|error| invalid(&error))?;
    let fixed = need_restart(old, new);
    if fixed.is_empty() {
        return Ok(());
    }
    Err(Trouble {
        reason: Reason::RestartNeeded,
        text: format!(
            "changed, but looked at only at start: {}; restart the daemon or take the change back",
            fixed.join(", ")
        ),
    })
}

fn invalid(error: &dyn std::error::Error) -> Trouble {
    Trouble::of(Reason::SettingsInvalid, error)
}
