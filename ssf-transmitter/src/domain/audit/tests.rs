use uuid::Uuid;

use super::*;

/// Any function that differs with its input will do.
fn mac(bytes: &[u8]) -> ChainHash {
    let mut hash = [0_u8; 32];
    for (at, byte) in bytes.iter().enumerate() {
        hash[at % 32] = hash[at % 32].rotate_left(3) ^ byte;
    }
    ChainHash::new(hash)
}

fn act() -> Act {
    let actor = Actor::receiver(ReceiverId::new(Uuid::from_u128(1)));
    Act::on(actor, Action::DeleteStream, "stream", "f67e39a0").with("status", "paused")
}

fn chain() -> Vec<Record> {
    let mut last = Link::default();
    let mut records = Vec::new();
    for at in 1..=4 {
        let record = act().begin(Timestamp::from_secs(at)).link(last, mac);
        last = record.link;
        records.push(record);
    }
    records
}

fn checked(records: &[Record]) -> Result<Link, Broken> {
    let mut chain = Chain::default();
    for record in records {
        chain.follow(record, mac)?;
    }
    Ok(chain.last())
}

#[test]
fn an_action_is_told_before_and_after_its_effect() {
    let begun = act().begin(Timestamp::from_secs(5));
    assert_eq!((begun.phase.as_str(), &begun.result), ("begun", &None));
    assert_eq!(begun.actor_kind, "receiver");
    assert_eq!(begun.actor_id, "00000000000000000000000000000001");
    assert_eq!(begun.action, "stream.delete");
    assert_eq!(begun.target, "stream/f67e39a0");
    assert_eq!(begun.details, r#"{"status":"paused"}"#);
    let details = Details::none().with("dropped", 3);
    let ended = act().end(Timestamp::from_secs(6), 17, Ending::Done, &details);
    assert_eq!((ended.phase.as_str(), ended.begun), ("ended", Some(17)));
    assert_eq!(ended.result.as_deref(), Some("done"));
    assert_eq!(ended.details, r#"{"dropped":"3"}"#);
}

#[test]
fn a_detail_is_cut_where_a_character_ends() {
    let details = Details::none().with("name", "ü".repeat(200));
    assert_eq!(details.0["name"].as_str().unwrap().len(), 256);
    let details = Details::none().with("name", format!("x{}", "ü".repeat(200)));
    assert_eq!(details.0["name"].as_str().unwrap().len(), 255);
}

#[test]
fn a_chain_as_it_was_written_holds() {
    let records = chain();
    assert_eq!(checked(&records), Ok(records[3].link));
    assert_eq!(checked(&[]), Ok(Link::default()));
}

#[test]
fn each_changed_member_is_noticed_and_the_entry_named() {
    let changes: [fn(&mut Record); 12] = [
        |record| record.entry.at = Timestamp::from_secs(9),
        |record| record.entry.actor_kind = "operator".into(),
        |record| record.entry.actor_id = "2".into(),
        |record| record.entry.action = "stream.create".into(),
        |record| record.entry.target = "stream/2".into(),
        |record| record.entry.phase = "ended".into(),
        |record| record.entry.result = Some("done".into()),
        |record| record.entry.begun = Some(1),
        |record| record.entry.details = "{}".into(),
        |record| record.previous = ChainHash::new([1; 32]),
        |record| record.link.hash = ChainHash::new([1; 32]),
        |record| {
            let entry = record.entry.clone();
            // Linked anew, as somebody without the key would do it.
            *record = entry.link(
                Link {
                    seq: 1,
                    hash: record.previous,
                },
                |_| ChainHash::new([7; 32]),
            );
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut records = chain();
        change(&mut records[1]);
        assert_eq!(
            checked(&records),
            Err(Broken::Changed(2)),
            "change {number}"
        );
    }
}

#[test]
fn a_deleted_and_an_inserted_entry_are_named() {
    let mut records = chain();
    records.remove(1);
    assert_eq!(checked(&records), Err(Broken::Deleted(2)));
    let mut records = chain();
    records.insert(2, records[1].clone());
    assert_eq!(checked(&records), Err(Broken::Inserted(2)));
    let mut records = chain();
    let mut copy = records[1].clone();
    copy.link.seq = 5;
    records.push(copy);
    assert_eq!(checked(&records), Err(Broken::Changed(5)));
}

#[test]
fn a_head_that_was_written_down_shows_that_the_end_was_replaced() {
    let records = chain();
    let mut chain = Chain::default();
    chain.follow(&records[0], mac).unwrap();
    assert_eq!(chain.meets(records[0].link), Ok(()));
    let other = Link {
        hash: ChainHash::new([3; 32]),
        ..records[0].link
    };
    assert_eq!(chain.meets(other), Err(Broken::Head(1)));
}

#[test]
fn a_head_survives_being_written_down() {
    let link = chain()[1].link;
    assert_eq!(link.to_string().parse(), Ok(link));
    for text in [
        "",
        "7",
        "7:",
        "x:00",
        &format!("1:{}", "ü".repeat(32)),
        "-1:00",
    ] {
        assert_eq!(text.parse::<Link>(), Err(LinkError), "{text}");
    }
}
