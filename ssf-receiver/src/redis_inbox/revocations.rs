//! Revocations: a hash of them, their positions, and of those that may be forgotten until when they count.
//!
//! What many share, masks and what they tell, is kept once, and has a number.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use redis::{Pipeline, aio::ConnectionLike};

use super::database::{Database, Failure, fields};
use crate::{
    inbox::{Arriving, Change, References, Stored, changed, merged, row},
    revocation::{Detail, Kind, Mask, Revocation, RevocationKey, ScopeId},
};

/// A key and a kind, as they stand in Redis: 17 bytes.
type Field = Vec<u8>;

/// What is to be written of revocations.
pub(super) struct Merging {
    changed: Vec<Revocation>,
    masks: Numbers,
    details: Numbers,
    position: i64,
}

/// The numbers of texts.
#[derive(Default)]
struct Numbers {
    known: HashMap<String, i64>,
    new: Vec<(String, i64)>,
}

impl Numbers {
    /// What there is, of which so many have been given.
    fn of(texts: &[String], numbers: Vec<Option<String>>, given: i64) -> Result<Self, Failure> {
        let mut all = Self::default();
        for (text, number) in texts.iter().zip(numbers) {
            let number = if let Some(number) = number {
                number.parse().map_err(|_| Failure::Faulty("a number"))?
            } else {
                let number = given + i64::try_from(all.new.len()).unwrap_or(i64::MAX) + 1;
                all.new.push((text.clone(), number));
                number
            };
            all.known.insert(text.clone(), number);
        }
        Ok(all)
    }

    fn put(&self, writes: &mut Pipeline, (numbers, texts): (&str, &str)) {
        for (text, number) in &self.new {
            writes
                .cmd("HSET")
                .arg(numbers)
                .arg(text)
                .arg(*number)
                .ignore();
            writes
                .cmd("HSET")
                .arg(texts)
                .arg(*number)
                .arg(text)
                .ignore();
        }
    }
}

fn field(key: RevocationKey, kind: Kind) -> Field {
    [&key.to_bytes()[..], &[kind.number()]].concat()
}

/// Those that may be forgotten: a state has an effect, and stays.
fn forgettable(database: &Database, scope: ScopeId, kind: Kind) -> String {
    database.key(&format!("until:{}:{}", scope.number(), kind.number()))
}

fn mask_text(mask: &Mask) -> String {
    serde_json::json!(row::of_mask(mask)).to_string()
}

fn detail_text(detail: &Detail) -> String {
    serde_json::json!(row::of_detail(detail)).to_string()
}

fn read_mask(text: &str) -> Result<Mask, Failure> {
    let [has, lacks, about]: [String; 3] =
        serde_json::from_str(text).map_err(|_| Failure::Faulty("a mask"))?;
    Ok(row::to_mask(&has, &lacks, &about)?)
}

fn read_detail(text: &str) -> Result<Arc<Detail>, Failure> {
    let (event, reason): (String, String) =
        serde_json::from_str(text).map_err(|_| Failure::Faulty("what a revocation tells"))?;
    Ok(Arc::new(row::to_detail(&event, &reason)?))
}

/// `SCOPE MASK DETAIL MOMENT UNTIL`, and of a state ` EFFECT OCCURRED TOE ARRIVED` behind it.
fn value(revocation: &Revocation, (mask, detail): (i64, i64)) -> String {
    let (scope, moment, until) = (
        revocation.scope.number(),
        revocation.moment,
        revocation.until,
    );
    let state = revocation.state.map(|state| {
        let effect = state.effect.number();
        format!(
            " {effect} {} {} {}",
            state.occurred, state.toe, state.arrived
        )
    });
    format!(
        "{scope} {mask} {detail} {moment} {until}{}",
        state.unwrap_or_default()
    )
}

/// The numbers of a value.
struct Columns {
    common: [i64; 5],
    /// Effect, occurred, toe, arrived.
    state: Option<(i64, i64, i64, i64)>,
}

impl Columns {
    fn read(value: &str) -> Option<Self> {
        let numbers = value.split(' ').map(|number| number.parse().ok());
        let numbers: Vec<i64> = numbers.collect::<Option<_>>()?;
        let (common, state) = numbers.split_at_checked(5)?;
        Some(Self {
            common: common.try_into().ok()?,
            state: match *state {
                [] => None,
                [effect, occurred, toe, arrived] => Some((effect, occurred, toe, arrived)),
                _ => return None,
            },
        })
    }

    fn detail(&self) -> i64 {
        self.common[2]
    }
}

/// Reads revocations.
async fn read(
    database: &Database,
    connection: &mut impl ConnectionLike,
    found: &[(Field, String)],
) -> Result<Vec<Revocation>, Failure> {
    let faulty = || Failure::Faulty("a revocation");
    let columns: Option<Vec<Columns>> = found
        .iter()
        .map(|(_, value)| Columns::read(value))
        .collect();
    let columns = columns.ok_or_else(faulty)?;
    // After the values: what they refer to was written before them.
    let masks: HashMap<i64, String> = redis::cmd("HGETALL")
        .arg(database.key("mask-texts"))
        .query_async(connection)
        .await?;
    let masks = masks
        .into_iter()
        .map(|(number, text)| Ok((number, read_mask(&text)?)));
    let masks = masks.collect::<Result<_, Failure>>()?;
    let wanted: BTreeSet<i64> = columns.iter().map(Columns::detail).collect();
    let wanted: Vec<i64> = wanted.into_iter().collect();
    let texts = fields(connection, &database.key("detail-texts"), &wanted).await?;
    let mut details = HashMap::new();
    for (number, text) in wanted.into_iter().zip(texts) {
        details.insert(number, read_detail(&text.ok_or_else(faulty)?)?);
    }
    let references = References { masks, details };
    let revocation = |((field, _), columns): (&(Field, String), Columns)| {
        let (kind, key) = field.split_last()?;
        let [scope, mask, detail, moment, until] = columns.common;
        let numbers = [i64::from(*kind), scope, mask, moment, until, detail];
        row::revocation(key, columns.state, numbers, &references)
    };
    let revocations = found.iter().zip(columns).map(revocation);
    revocations.collect::<Option<_>>().ok_or_else(faulty)
}

/// What is to be written of what new SETs revoke.
pub(super) async fn merge(
    database: &Database,
    connection: &mut impl ConnectionLike,
    new: &[&Arriving],
) -> Result<Merging, Failure> {
    let revocations = merged(new.iter().flat_map(|arriving| &arriving.revocations));
    let wanted: Vec<Field> = revocations
        .iter()
        .map(|one| field(one.key, one.kind))
        .collect();
    let values = fields(connection, &database.key("revocations"), &wanted).await?;
    let found = wanted.into_iter().zip(values);
    let found: Vec<(Field, String)> = found
        .filter_map(|(field, value)| Some((field, value?)))
        .collect();
    let stored: Stored = read(database, connection, &found)
        .await?
        .into_iter()
        .map(|one| ((one.key, one.kind), one))
        .collect();
    let changed = changed(&revocations, &stored);
    let masks: BTreeSet<String> = changed.iter().map(|one| mask_text(&one.mask)).collect();
    let details: BTreeSet<String> = changed.iter().map(|one| detail_text(&one.detail)).collect();
    let position = super::number(connection, &database.key("position")).await?;
    Ok(Merging {
        changed,
        masks: numbered(database, connection, (masks, "masks")).await?,
        details: numbered(database, connection, (details, "details")).await?,
        position,
    })
}

async fn numbered(
    database: &Database,
    connection: &mut impl ConnectionLike,
    (texts, key): (BTreeSet<String>, &str),
) -> Result<Numbers, Failure> {
    let texts: Vec<String> = texts.into_iter().collect();
    let key = database.key(key);
    let numbers = fields(connection, &key, &texts).await?;
    let given: i64 = redis::cmd("HLEN").arg(&key).query_async(connection).await?;
    Numbers::of(&texts, numbers, given)
}

impl Merging {
    pub(super) fn put(&self, writes: &mut Pipeline, database: &Database) {
        let key = |name| database.key(name);
        self.masks.put(writes, (&key("masks"), &key("mask-texts")));
        self.details
            .put(writes, (&key("details"), &key("detail-texts")));
        let (revocations, positions) = (key("revocations"), key("positions"));
        let mut position = self.position;
        for one in &self.changed {
            position += 1;
            let field = field(one.key, one.kind);
            // Whatever is changed was numbered.
            let number =
                |numbers: &Numbers, text| numbers.known.get(&text).copied().unwrap_or_default();
            let mask = number(&self.masks, mask_text(&one.mask));
            let detail = number(&self.details, detail_text(&one.detail));
            let value = value(one, (mask, detail));
            writes
                .cmd("HSET")
                .arg(&revocations)
                .arg(&field)
                .arg(value)
                .ignore();
            writes
                .cmd("ZADD")
                .arg(&positions)
                .arg(position)
                .arg(&field)
                .ignore();
            if one.state.is_none() {
                let forgettable = forgettable(database, one.scope, one.kind);
                writes
                    .cmd("ZADD")
                    .arg(forgettable)
                    .arg(one.until)
                    .arg(&field)
                    .ignore();
            }
        }
        if !self.changed.is_empty() {
            writes
                .cmd("SET")
                .arg(key("position"))
                .arg(position)
                .ignore();
        }
    }
}

/// At most so many revocations behind a position.
pub(super) async fn changes(
    database: &Database,
    (after, most): (i64, usize),
) -> Result<Vec<Change>, Failure> {
    let mut connection = database.connection();
    let script = redis::Script::new(include_str!("changes.lua"));
    let mut asked = script.key(database.key("positions"));
    asked.key(database.key("revocations")).arg(after).arg(most);
    let found: Vec<(Field, i64, String)> = asked.invoke_async(&mut connection).await?;
    let (positions, found): (Vec<i64>, Vec<(Field, String)>) = found
        .into_iter()
        .map(|(field, position, value)| (position, (field, value)))
        .unzip();
    let revocations = read(database, &mut connection, &found).await?;
    let changes = positions.into_iter().zip(revocations);
    let change = |(position, revocation)| Change {
        position,
        revocation,
    };
    Ok(changes.map(change).collect())
}

/// What may be forgotten: at most so many of a kind that count until a moment at most.
pub(super) async fn over(
    database: &Database,
    connection: &mut impl ConnectionLike,
    (scope, kind): (ScopeId, Kind),
    (until, most): (u32, u32),
) -> Result<Vec<Field>, Failure> {
    let mut asked = redis::cmd("ZRANGEBYSCORE");
    asked
        .arg(forgettable(database, scope, kind))
        .arg("-inf")
        .arg(until);
    asked.arg("LIMIT").arg(0).arg(most);
    Ok(asked.query_async(connection).await?)
}

/// Drops what may be forgotten.
pub(super) fn drop_all(
    writes: &mut Pipeline,
    database: &Database,
    (scope, kind): (ScopeId, Kind),
    fields: &[Field],
) {
    for field in fields {
        writes
            .cmd("HDEL")
            .arg(database.key("revocations"))
            .arg(field)
            .ignore();
        writes
            .cmd("ZREM")
            .arg(database.key("positions"))
            .arg(field)
            .ignore();
        writes
            .cmd("ZREM")
            .arg(forgettable(database, scope, kind))
            .arg(field)
            .ignore();
    }
}
