//! x
pub struct Kafka; pub struct KafkaOptions;
