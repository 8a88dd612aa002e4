//! Several instances on one database publish in one place.

use ssf_receiver::{Receiver, publication::RedisPublication};

use super::{
    Transmitter, builder,
    cluster::Cluster,
    contents::{field, has},
    redis_server::RedisServer,
    revoked, started,
};

async fn instance(transmitter: &Transmitter, server: &RedisServer, database: &str) -> Receiver {
    let publication = RedisPublication::new(server.url());
    started(builder(transmitter).database(database).publish(publication)).await
}

#[actix_web::test]
async fn whoever_leads_publishes_what_any_instance_has_taken_and_another_one_goes_on() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let database = Cluster::of_this_run().new_database();
    let one = instance(&transmitter, &server, &database).await;
    revoked(&transmitter, &one, "alice").await;
    has(&server, &one, "alice").await;
    let other = instance(&transmitter, &server, &database).await;
    revoked(&transmitter, &other, "bob").await;
    has(&server, &one, "bob").await;
    let epoch = field(&server, "epoch").await;
    super::ended(one).await;
    revoked(&transmitter, &other, "carol").await;
    has(&server, &other, "carol").await;
    assert_eq!(field(&server, "epoch").await, epoch);
    transmitter.stop().await;
}
