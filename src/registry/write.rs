//! The client: writing. Every write begins and ends with a query, because the original's answers to writes prove nothing.

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use serde_json::Value;

use super::claim::{Claim, Held};
use super::client::Registry;
use super::wire::{Answer, Request, Tag};
use super::{RegistryError, Written, row};
use crate::id::SystemId;
use crate::observe::observed::Record;

/// Rounds of query and write before somebody else is taken to write the same record.
const ROUNDS: usize = 6;
/// More duplicates than this are left for the next write.
const MOST_DUPLICATES: usize = 64;

impl Registry {
    /// Makes the registry hold exactly this record under its key, once, if what is there now is what the claim covers.
    pub async fn put_record(
        &self,
        record: &Record,
        claim: &Claim,
    ) -> Result<Written, RegistryError> {
        let id: SystemId = record.system_id.parse()?;
        let writer = self.writer(&id).await;
        let written = self.put(&id, record, claim).await;
        drop(writer);
        written
    }

    /// Sets `metadata.natsx.state` of our record.
    pub async fn set_state(
        &self,
        id: &SystemId,
        state: &str,
        claim: &Claim,
    ) -> Result<Written, RegistryError> {
        let writer = self.writer(id).await;
        let written = self.put_state(id, state, claim).await;
        drop(writer);
        written
    }

    /// Removes the record and its duplicates until a query shows none, if they are what the claim covers.
    pub async fn delete_record(
        &self,
        id: &SystemId,
        claim: &Claim,
    ) -> Result<Written, RegistryError> {
        let writer = self.writer(id).await;
        let removed = self.remove(id, claim).await;
        drop(writer);
        removed
    }

    async fn put(
        &self,
        id: &SystemId,
        record: &Record,
        claim: &Claim,
    ) -> Result<Written, RegistryError> {
        let body = row::body(record);
        // Compared as it comes back from text, where numbers may have another form.
        let wanted = row::parse(body.to_string().as_bytes()).ok();
        let wanted = wanted.and_then(row::read);
        let wanted = wanted.unwrap_or_else(|| record.clone());
        let mut held = Held::new(claim, id, Some(&wanted));
        let (mut written, mut patience) = (Written::Unchanged, self.patience());
        while let Err(error) = self
            .settle(id, &body, &wanted, &mut held, &mut written)
            .await
        {
            patience.after(error).await?;
        }
        Ok(written)
    }

    async fn put_state(
        &self,
        id: &SystemId,
        state: &str,
        claim: &Claim,
    ) -> Result<Written, RegistryError> {
        let mut patience = self.patience();
        let records = loop {
            match self.find(id).await {
                Ok(records) => break records,
                Err(error) => patience.after(error).await?,
            }
        };
        Held::new(claim, id, None).check(&records)?;
        let Some(mut record) = records.into_iter().next() else {
            return Ok(Written::Absent);
        };
        record.metadata.change(|metadata| {
            let mark = metadata.get_mut("natsx");
            if let Some(mark) = mark.and_then(Value::as_object_mut) {
                mark.insert("state".to_owned(), Value::from(state));
            }
        });
        self.put(id, &record, claim).await
    }

    async fn remove(&self, id: &SystemId, claim: &Claim) -> Result<Written, RegistryError> {
        let mut held = Held::new(claim, id, None);
        let (mut written, mut patience) = (Written::Absent, self.patience());
        while let Err(error) = self.clear(id, &mut held, &mut written).await {
            patience.after(error).await?;
        }
        Ok(written)
    }

    fn patience(&self) -> Patience {
        Patience(
            ExponentialBuilder::default()
                .with_min_delay(self.pace.delay)
                .with_max_times(self.pace.retries)
                .with_jitter()
                .build(),
        )
    }

    async fn settle(
        &self,
        id: &SystemId,
        body: &Value,
        wanted: &Record,
        held: &mut Held<'_>,
        written: &mut Written,
    ) -> Result<(), RegistryError> {
        for _ in 0..ROUNDS {
            let (found, tag) = self.find_tagged(id).await?;
            held.check(&found)?;
            match found.as_slice() {
                [] => {
                    *written = Written::Created;
                    self.send(Request::Create(body)).await?;
                }
                [one] if one == wanted => return Ok(()),
                [_] => {
                    if *written == Written::Unchanged {
                        *written = Written::Updated;
                    }
                    // 404 is said of a change that changed nothing and of one that created: the next query tells.
                    self.send(Request::Change(id, body, tag.as_ref())).await?;
                }
                // Which duplicate a DELETE takes is not defined; the one that is left is then made as wanted.
                [_, surplus @ ..] => {
                    *written = Written::Updated;
                    self.take_away(id, surplus.len(), None).await?;
                }
            }
        }
        Err(RegistryError::Unsettled {
            system_id: id.to_string(),
            rounds: ROUNDS,
        })
    }

    async fn take_away(
        &self,
        id: &SystemId,
        count: usize,
        tag: Option<&Tag>,
    ) -> Result<(), RegistryError> {
        for _ in 0..count.min(MOST_DUPLICATES) {
            if self.send(Request::Delete(id, tag)).await? != Answer::Done {
                break;
            }
        }
        Ok(())
    }

    async fn clear(
        &self,
        id: &SystemId,
        held: &mut Held<'_>,
        written: &mut Written,
    ) -> Result<(), RegistryError> {
        for _ in 0..ROUNDS {
            let (found, tag) = self.find_tagged(id).await?;
            if found.is_empty() {
                return Ok(());
            }
            held.check(&found)?;
            *written = Written::Deleted;
            // No more than were seen: one that comes meanwhile is somebody else's, or another exchange's.
            self.take_away(id, found.len(), tag.as_ref()).await?;
        }
        Err(RegistryError::Unsettled {
            system_id: id.to_string(),
            rounds: ROUNDS,
        })
    }
}

/// The pauses before an operation of unknown outcome is begun again, always by a query.
struct Patience(ExponentialBackoff);

impl Patience {
    /// Pauses, or gives the error back when it is certain or there were enough tries.
    async fn after(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        match self.0.next().filter(|_| error.is_unknown()) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => Err(error),
        }
    }
}
