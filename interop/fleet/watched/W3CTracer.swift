import InMemoryTracing
import Tracing

/// The least that speaks W3C's trace context: as much as a test needs.
struct W3CTracer: Tracer {
    private let file: SpanFile

    init(_ file: SpanFile) { self.file = file }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        let context = context()
        let parent = context.inMemorySpanContext
        let own = InMemorySpanContext(
            traceID: parent?.traceID ?? Self.hex() + Self.hex(), spanID: Self.hex(), parentSpanID: parent?.spanID)
        return InMemorySpan(
            operationName: operationName, context: context, spanContext: own, kind: kind, startInstant: instant()
        ) { [file] in file.write($0) }
    }

    func forceFlush() {}

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
        if let baggage = context[BaggageKey.self] { injector.inject(baggage, forKey: "baggage", into: &carrier) }
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        context[BaggageKey.self] = extractor.extract(key: "baggage", from: carrier)
        let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-") ?? []
        guard parts.count == 4, parts[1].count == 32, parts[2].count == 16 else { return }
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: String(parts[1]), spanID: String(parts[2]), parentSpanID: nil)
    }

    private enum BaggageKey: ServiceContextKey { typealias Value = String }

    private static func hex() -> String {
        let digits = String(UInt64.random(in: 1...(.max)), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
