internal import Celery
internal import Tracing

/// Writes what a tracer wants to have passed on into the headers of a message.
struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into headers: inout JSONObject) {
        headers[key] = .string(value)
    }
}

/// Reads it from there.
struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: JSONObject) -> String? { headers[key]?.stringValue }
}
