//! Somebody who takes traces by OTLP over HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

/// A span, as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) trace: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) failed: bool,
    attributes: BTreeMap<String, String>,
}

impl Span {
    /// An attribute; nothing where it has none of that name.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// Whether it is that of an exchange.
    pub(crate) fn is_of(&self, id: &str, action: &str) -> bool {
        self.name == "exchange" && self.text("exchange") == id && self.text("action") == action
    }
}

/// A collector, which keeps what it is sent.
pub(crate) struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                kept.lock().unwrap().extend(take(stream.unwrap()));
            }
        });
        Self { address, spans }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

fn take(mut stream: TcpStream) -> Vec<Span> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    assert_eq!(first.trim(), "POST /v1/traces HTTP/1.1");
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().unwrap();
        }
        assert!(!line.starts_with("content-type:") || line.ends_with("x-protobuf"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(answer.as_bytes()).unwrap();
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    let mut spans = Vec::new();
    for resource in request.resource_spans {
        let about = texts(resource.resource.unwrap().attributes);
        for span in resource.scope_spans.into_iter().flat_map(|one| one.spans) {
            let status = span.status.unwrap_or_default();
            spans.push(Span {
                service: about["service.name"].clone(),
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                began: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                failed: status.code() == StatusCode::Error,
                attributes: texts(span.attributes),
            });
        }
    }
    spans
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    let attributes = attributes.into_iter();
    let named = attributes.map(|one| (one.key, text(one.value.and_then(|value| value.value))));
    named.collect()
}
