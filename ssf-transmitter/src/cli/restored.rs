//! `restored`: says that the database is an earlier one again.

use std::io::{self, Write};

use super::{Outcome, SettingArgs, audit};
use crate::{
    app::ids,
    domain::audit::{Act, Action, Details},
    ports::OperatedStreams,
    server::open_store,
    store::Access,
};

/// Begins the numbers of streams anew, so that their Receivers notice that some may come twice.
pub(super) async fn execute(settings: SettingArgs) -> Outcome {
    let (store, _) = open_store(&settings.read()?, Access::Administer).await?;
    let act = Act::making(audit::actor()?, Action::BeginEpochs, "stream");
    let beginning = Box::pin(async { Ok(store.begin_epochs(ids::epoch).await?) });
    let told = |streams: &u64| Details::none().with("streams", streams);
    let streams = audit::recorded(&store, act, beginning, told).await?;
    writeln!(io::stdout(), "streams={streams}")?;
    Ok(())
}
