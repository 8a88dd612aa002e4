//! Sources.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use serde_json::{Value, json};
use ssf_types::time::Timestamp;

use super::{
    SeaStore,
    entity::source,
    limited::Only,
    operators::is_inserted,
    owner_tokens,
    row::{self, Cell},
};
use crate::{
    domain::{
        backlog::Backlog,
        id::{Fingerprint, SourceId},
        name::Name,
        quota::OwnQuota,
        source::{EventTypes, Source, SubjectIssuers},
    },
    ports::{CorruptRow, Existing, Named, SourceStore, StoreError},
};

impl SourceStore for SeaStore {
    async fn add_source(
        &self,
        source: &Source,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Named, StoreError> {
        let transaction = self.begin().await?;
        let inserted = source::Entity::insert(source_row(source, now)?)
            .on_conflict_do_nothing_on([source::Column::Name])
            .exec_without_returning(&transaction)
            .await?;
        if !is_inserted(&inserted) {
            return Ok(Named::NameTaken);
        }
        owner_tokens::add(&transaction, source.id.uuid(), token, now).await?;
        transaction.commit().await?;
        Ok(Named::Added)
    }

    async fn source_by_token(
        &self,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<Source>, StoreError> {
        let row = source::Entity::find()
            .filter(source::Column::Id.in_subquery(owner_tokens::owner(token, now)))
            .only(&self.reader)
            .await?;
        Ok(row.map(read).transpose()?)
    }

    async fn sources(&self) -> Result<Vec<Source>, StoreError> {
        let rows = source::Entity::find()
            .order_by_asc(source::Column::Name)
            .all(&self.reader)
            .await?;
        let sources: Result<_, CorruptRow> = rows.into_iter().map(read).collect();
        Ok(sources?)
    }

    async fn rotate_source(
        &self,
        id: SourceId,
        token: Fingerprint,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Existing, StoreError> {
        let transaction = self.begin().await?;
        let known = source::Entity::find_by_id(id.uuid())
            .only(&transaction)
            .await?;
        if known.is_none() {
            return Ok(Existing::NotFound);
        }
        owner_tokens::end(&transaction, id.uuid(), until).await?;
        owner_tokens::add(&transaction, id.uuid(), token, now).await?;
        transaction.commit().await?;
        Ok(Existing::Changed)
    }

    async fn set_quota(&self, id: SourceId, quota: OwnQuota) -> Result<Existing, StoreError> {
        let pace = quota.events_per_second.map(row::signed);
        let backlog = quota.backlog_max.map(row::signed);
        let updated = source::Entity::update_many()
            .col_expr(source::Column::EventsPerSecond, Expr::value(pace))
            .col_expr(source::Column::BacklogMax, Expr::value(backlog))
            .filter(source::Column::Id.eq(id.uuid()))
            .exec(&self.writer)
            .await?;
        Ok(match updated.rows_affected {
            0 => Existing::NotFound,
            _ => Existing::Changed,
        })
    }

    async fn backlogs(&self) -> Result<HashMap<SourceId, Backlog>, StoreError> {
        self.count_backlogs().await
    }

    async fn remove_source(&self, id: SourceId) -> Result<Existing, StoreError> {
        let transaction = self.begin().await?;
        owner_tokens::remove(&transaction, id.uuid()).await?;
        let removed = source::Entity::delete_by_id(id.uuid())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(match removed.rows_affected {
            0 => Existing::NotFound,
            _ => Existing::Changed,
        })
    }
}

fn source_row(source: &Source, now: Timestamp) -> Result<source::ActiveModel, StoreError> {
    let subject_issuers = match &source.subject_issuers {
        SubjectIssuers::Own => json!("own"),
        SubjectIssuers::Any => json!("any"),
        SubjectIssuers::Listed(issuers) => json!(issuers),
    };
    Ok(source::ActiveModel {
        id: Set(source.id.uuid()),
        name: Set(source.name.as_str().to_owned()),
        issuer: Set(source.issuer.as_str().to_owned()),
        event_types: Set(row::json(&source.event_types.names())?),
        subject_issuers: Set(subject_issuers.to_string()),
        created_at: Set(row::millis(now)),
        events_per_second: Set(source.quota.events_per_second.map(row::signed)),
        backlog_max: Set(source.quota.backlog_max.map(row::signed)),
    })
}

fn read(row: source::Model) -> Result<Source, CorruptRow> {
    let cell = |column| Cell::new("source", column, row.id.to_string());
    let names: Vec<String> = cell("event_types").parse(&row.event_types)?;
    let event_types = EventTypes::named(names.iter().map(String::as_str))
        .map_err(|_| cell("event_types").corrupt("it does not name types of events"))?;
    let limits = cell("subject_issuers");
    let limit: Value = limits.parse(&row.subject_issuers)?;
    let subject_issuers = match limit.as_str() {
        Some("own") => SubjectIssuers::Own,
        Some("any") => SubjectIssuers::Any,
        Some(_) | None => serde_json::from_value(limit)
            .ok()
            .and_then(|issuers| SubjectIssuers::listed(issuers).ok())
            .ok_or_else(|| limits.corrupt("it does not name issuers"))?,
    };
    Ok(Source {
        id: SourceId::new(row.id),
        name: Name::parse(row.name).map_err(|_| cell("name").corrupt("it is not a name"))?,
        issuer: row::issuer_name("source", row.id, row.issuer)?,
        event_types,
        subject_issuers,
        quota: OwnQuota {
            events_per_second: row.events_per_second.map(row::unsigned),
            backlog_max: row.backlog_max.map(row::unsigned),
        },
    })
}
