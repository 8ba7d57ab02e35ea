public import Celery
public import Tracing

/// Spans for what is sent and run, in one trace across Python and Swift, through swift-distributed-tracing.
///
///     let client = try CeleryClient(broker: .redis(url), middleware: [TracingMiddleware()])
///
/// Names, attributes and headers are those of Python's `opentelemetry-instrumentation-celery`: a span `apply_async/<task>` is
/// the parent of `run/<task>`, and what the tracer writes, with W3C's format `traceparent`, `tracestate` and `baggage`, are
/// headers of the message. The handler runs in the `ServiceContext` of its span, so that spans of its own and the tasks
/// that it sends belong to it, and so does what follows the task.
///
/// Put it first. With neither a tracer given nor one bootstrapped it does nothing.
public struct TracingMiddleware: CeleryMiddleware {
    private let tracer: (any Tracer)?

    /// Makes the middleware.
    ///
    /// - Parameter tracer: makes the spans; by default the one that `InstrumentationSystem` has at the time.
    public init(tracer: (any Tracer)? = nil) {
        self.tracer = tracer
    }

    /// The tracer, and what reads and writes headers, which may be more than the tracer; `nil` where nothing was
    /// bootstrapped.
    private var instruments: (tracer: any Tracer, instrument: any Instrument)? {
        if let tracer { return (tracer, tracer) }
        let instrument = InstrumentationSystem.instrument
        if instrument is NoOpInstrument { return nil }
        return (instrument as? any Tracer ?? InstrumentationSystem.tracer, instrument)
    }

    /// Sends within a span, and with the span's context in the headers.
    public func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws {
        guard let (tracer, instrument) = instruments else { return try await next(task) }
        try await send(task, tracer, instrument, next)
    }

    private func send(
        _ task: OutgoingTask, _ tracer: some Tracer, _ instrument: any Instrument,
        _ next: (OutgoingTask) async throws -> Void
    ) async throws {
        let span = tracer.startSpan("apply_async/\(task.task)", ofKind: .producer)
        defer { span.end() }
        if span.isRecording { span.add(SpanAttributes(task)) }
        var task = task
        instrument.inject(span.context, into: &task.headers, using: HeaderInjector())
        do {
            try await ServiceContext.withValue(span.context) { try await next(task) }
        } catch {
            span.recordError(error)
            span.setStatus(SpanStatus(code: .error, message: "\(error)"))
            throw error
        }
    }

    /// Runs the handler within a span whose parent is in the headers.
    public func run(_ task: IncomingTask, next: (IncomingTask) async -> TaskOutcome) async throws -> TaskOutcome {
        guard let (tracer, instrument) = instruments else { return await next(task) }
        return await run(task, tracer, instrument, next)
    }

    private func run(
        _ task: IncomingTask, _ tracer: some Tracer, _ instrument: any Instrument,
        _ next: (IncomingTask) async -> TaskOutcome
    ) async -> TaskOutcome {
        let request = task.context.request
        var context = ServiceContext.current ?? .topLevel
        instrument.extract(request.headers, into: &context, using: HeaderExtractor())
        let span = tracer.startSpan("run/\(request.task)", context: context, ofKind: .consumer)
        defer { span.end() }
        let outcome = await ServiceContext.withValue(span.context) { await next(task) }
        if span.isRecording {
            span.add(SpanAttributes(task, outcome))
            if case .failure(let failure) = outcome {
                span.recordError(failure)
                span.setStatus(SpanStatus(code: .error, message: failure.message))
            }
        }
        return outcome
    }
}

extension Span {
    /// Adds attributes to those that the tracer may have set itself.
    fileprivate func add(_ attributes: SpanAttributes) {
        if self.attributes.isEmpty { self.attributes = attributes } else { updateAttributes { $0.merge(attributes) } }
    }
}
