//! Telling by events: `CloudEvents` about what became so, to a NATS stream and to a webhook.
//!
//! Every event is one line of the journal, so that none is told before what it tells is on the disk, and each has the
//! same id however often it is sent. The outbox of a sink is the journal behind a cursor. What no deed writes down (held,
//! drifted, unwell) is noticed in the status and written as a line of its own.
//!
//! What became of a commit is no event: the forge is told what is so, not each step to it, so that only the last counts.

mod caller;
mod commit_status;
mod dial;
mod event;
mod kind;
mod nats;
mod notice;
mod outbox;
mod sink;
mod teller;
mod trust;
mod webhook;

pub use dial::Dial;
pub use event::{Event, Origin, event_of};
pub use kind::Kind;
pub use nats::NatsSink;
pub use notice::notices;
pub use outbox::{Outbox, Waiting};
pub use sink::{Delivery, Sink, SinkError, deliver};
pub use teller::Teller;
pub use webhook::WebhookSink;

use crate::state::journal::Notice;
