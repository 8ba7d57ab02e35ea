import Celery
import InMemoryTracing
import Synchronization
import Tracing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Writes spans that have ended as lines of JSON.
final class SpanFile: Sendable {
    struct OpeningError: Error {
        let path: String
        let code: Int32
    }

    private let descriptor: Int32
    private let every: Int
    private let count = Atomic(0)

    /// - Parameter every: 1 to write each of them, 100 to write one in a hundred.
    init(_ path: String, every: Int) throws {
        self.every = every
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        if descriptor < 0 { throw OpeningError(path: path, code: errno) }
    }

    deinit { close(descriptor) }

    func write(_ span: FinishedInMemorySpan) {
        guard count.add(1, ordering: .relaxed).newValue % every == 0 else { return }
        var attributes = JSONObject()
        span.attributes.forEach { name, value in
            attributes[name] = if case .string(let text) = value { .string(text) } else { .string("\(value)") }
        }
        let line: JSONValue = [
            "name": .string(span.operationName), "kind": .string("\(span.kind)"), "trace": .string(span.traceID),
            "span": .string(span.spanID), "parent": span.parentSpanID.map(JSONValue.string) ?? .null,
            "attributes": .object(attributes),
        ]
        let bytes = line.serialized() + [UInt8(ascii: "\n")]
        // In one call, because others append to the file too.
        guard bytes.withUnsafeBytes({ Self.write(descriptor, $0) }) == bytes.count else {
            preconditionFailure("the file of spans is full")
        }
    }

    private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #else
        Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}
