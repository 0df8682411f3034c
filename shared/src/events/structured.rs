//! A record as one JSON document: CloudEvents 1.0 in structured mode, for everything that is not Kafka.

use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::Value;

use super::headers;
use crate::log::Record;

/// The CloudEvent of a record, on one line: its attributes as members in order of their names, then `data`, which is the
/// record's value as it is.
///
/// # Errors
/// When the value is not JSON.
pub fn structured(record: &Record) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(record.headers.size() + record.value.len() + 256);
    let mut serializer = serde_json::Serializer::new(&mut text);
    let mut map = serializer.serialize_map(None)?;
    for (name, value) in record.headers.iter() {
        map.serialize_entry(attribute(name), value)?;
    }
    map.serialize_entry("data", &Value::Null)?;
    map.end()?;
    text.truncate(text.len() - "null}".len());
    text.extend(on_one_line(&record.value)?);
    text.push(b'}');
    Ok(text)
}

/// The name of the attribute in a header; the trace context is an extension of the same name.
fn attribute(header: &str) -> &str {
    match header {
        headers::CONTENT_TYPE => "datacontenttype",
        name => name.strip_prefix("ce_").unwrap_or(name),
    }
}

/// Values of ours are on one line as they are.
fn on_one_line(json: &[u8]) -> serde_json::Result<Vec<u8>> {
    if json.contains(&b'\n') {
        serde_json::from_slice::<Value>(json).and_then(|value| serde_json::to_vec(&value))
    } else {
        serde_json::from_slice::<serde::de::IgnoredAny>(json).map(|_| json.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        Timestamp,
        events::Headers,
        log::{NewRecord, Partition},
    };

    fn record(value: &str) -> Record {
        let headers = Headers::from_iter([
            (headers::SPEC_VERSION, "1.0"),
            (headers::ID, "e1"),
            (headers::CONTENT_TYPE, "application/json"),
            (headers::TRACE_PARENT, "00-1-2-01"),
        ]);
        let new = NewRecord { key: Some("acme/g1".to_owned()), headers, value: value.as_bytes().to_vec() };
        Record::placed(new, Partition::new(0), 0, Timestamp::from_unix_millis(0))
    }

    #[test]
    fn headers_become_attributes_and_the_value_becomes_data_on_one_line() {
        for value in [r#"{"b":1.50,"a":[]}"#, "{\"b\":1.50,\n\"a\":[]}"] {
            let text = structured(&record(value)).expect("a CloudEvent");
            assert!(!text.contains(&b'\n'), "{value}");
            let event: Value = serde_json::from_slice(&text).expect("JSON");
            let expected = json!({
                "specversion": "1.0", "id": "e1", "datacontenttype": "application/json", "traceparent": "00-1-2-01",
                "data": { "a": [], "b": 1.5 },
            });
            assert_eq!(event, expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for value in ["", "{", "{}{}"] {
            assert!(structured(&record(value)).is_err(), "{value}");
        }
    }
}
