//! W3C Trace Context: the one header by which requests of several systems are told to belong together.

use uuid::Uuid;

/// Name of the header.
pub const HEADER: &str = "traceparent";

/// The trace of an incoming request: 32 hexadecimal digits. `None` for anything that is not version 00 of the header.
pub fn trace_id(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|b| b == b'0');
    let fits = version == "00"
        && parts.next().is_none()
        && is_hex(trace, 32)
        && is_hex(span, 16)
        && is_hex(flags, 2);
    (fits && !is_zero(trace) && !is_zero(span)).then_some(trace)
}

/// The header of a request that belongs to the trace `id`, such as a job's own; `span` names this request.
pub fn traceparent(id: Uuid, span: u64) -> String {
    format!("00-{}-{:016x}-01", id.simple(), span.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_headers_of_version_00_are_believed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(good), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-alice@example.com-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_made_is_believed() {
        let id: Uuid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let header = traceparent(id, 0);
        assert_eq!(header, "00-01890a5dac96774bbcceb302099a8057-0000000000000001-01");
        assert_eq!(trace_id(&header), Some("01890a5dac96774bbcceb302099a8057"));
    }
}
