//! `approve`: lets through what a guard holds back.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::{Common, Done, Output};
use crate::id::ExchangeId;
use crate::state::approvals::Approval;
use crate::state::requests::Request;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  natsx-sync approve us-east-cluster/communication/nats-orders --expires 2h"
)]
pub(super) struct Args {
    /// Exchanges whose removal is meant
    #[arg(required = true, value_name = "ID")]
    ids: Vec<ExchangeId>,
    /// For how long
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Duration,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let (state, status) = super::status::read(common)?;
    let now = Timestamp::now();
    let approval = Approval {
        ids: args.ids.iter().cloned().collect::<BTreeSet<_>>(),
        commit: status.commit.clone(),
        given: now,
        expires: now.checked_add(args.expires)?,
    };
    state.approve(&approval)?;
    state.request(&Request::default(), now)?;
    let commit = approval
        .commit
        .as_ref()
        .map_or("the folder as it is", |commit| commit.short());
    output.result(&format!(
        "approved at {commit} until {}: {}",
        approval.expires,
        args.ids
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    ));
    Ok(0)
}
