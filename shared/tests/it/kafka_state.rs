//! The topic of the state of segments in a real Apache Kafka: what it must be like, and that there is one publisher.

use shared::{
    events::{EVENT_OFFSET, Headers, StateRecord, headers},
    log::kafka::{ConnectError, KafkaConfig, KafkaLog, KafkaState, Published},
};
use uuid::Uuid;

use crate::{
    kafka,
    records::{P0, P1},
};

async fn config() -> Option<KafkaConfig> {
    let config = kafka::config().await?;
    Some(KafkaConfig { state_topic: Some(format!("{}.state", config.environment)), ..config })
}

fn state(number: u64) -> StateRecord {
    let headers = Headers::from_iter([(EVENT_OFFSET, number.to_string()), (headers::ID, id(number).to_string())]);
    StateRecord { key: format!("acme/g{number}"), headers, value: number.is_multiple_of(2).then(|| b"{}".to_vec()) }
}

fn id(number: u64) -> Uuid {
    Uuid::from_u128(number.into())
}

#[tokio::test]
async fn a_state_topic_that_would_lose_what_it_holds_is_refused_with_the_command_that_helps() {
    let Some(config) = config().await else { return };
    let missing = KafkaState::connect(config.clone()).await.expect_err("there is no topic");
    assert!(matches!(missing, ConnectError::Missing { .. }), "{missing}");
    let command = missing.to_string();
    assert!(command.contains("--partitions 3") && command.contains("--config cleanup.policy=compact"), "{command}");

    KafkaLog::create_topics(&config, 1).await.expect("topics");
    KafkaState::connect(config.clone()).await.expect("fit").expect("it is wanted");
    let other = KafkaConfig { partitions: 5, ..config.clone() };
    let refused = KafkaState::connect(other).await.expect_err("five are not three").to_string();
    assert!(refused.contains("has 3 partitions, 5 are configured"), "{refused}");
    let events = KafkaConfig { state_topic: Some(config.topic.clone()), ..config.clone() };
    let refused = KafkaState::connect(events).await.expect_err("it is not compacted").to_string();
    assert!(refused.contains("cleanup.policy is delete, not compact"), "{refused}");
    let small = KafkaConfig { state_topic: Some(config.reference_topic.clone()), ..config.clone() };
    let refused = KafkaState::connect(small).await.expect_err("documents may be larger").to_string();
    assert!(refused.ends_with("--add-config max.message.bytes=2097152"), "{refused}");
    let none = KafkaConfig { state_topic: None, ..config };
    assert!(KafkaState::connect(none).await.expect("nothing to check").is_none());
}

#[tokio::test]
async fn the_last_record_says_how_far_it_is_published_and_an_older_publisher_publishes_no_more() {
    let Some(config) = config().await else { return };
    KafkaLog::create_topics(&config, 1).await.expect("topics");
    // It fences, whether the writer of the events does or not.
    let config = KafkaConfig { transactions: false, ..config };
    let topic = KafkaState::connect(config).await.expect("fit").expect("it is wanted");
    assert_eq!(topic.published(P0).await.expect("an answer"), None);
    let older = topic.open().await.expect("the right");
    // So many transactions, each with a marker, that one look is not enough.
    older.publish(vec![(P1, state(1)), (P1, state(2))]).await.expect("published");
    for number in 3..60 {
        older.publish(vec![(P0, state(number))]).await.expect("published");
    }
    assert_eq!(topic.published(P0).await.expect("an answer"), Some(Published { offset: 59, event_id: id(59) }));
    assert_eq!(topic.published(P1).await.expect("an answer"), Some(Published { offset: 2, event_id: id(2) }));

    let newer = topic.open().await.expect("the right");
    older.publish(vec![(P0, state(60))]).await.expect_err("another one has the right");
    newer.publish(vec![(P1, state(61))]).await.expect("published");
    assert_eq!(topic.published(P0).await.expect("an answer"), Some(Published { offset: 59, event_id: id(59) }));
    assert_eq!(topic.published(P1).await.expect("an answer"), Some(Published { offset: 61, event_id: id(61) }));
}
