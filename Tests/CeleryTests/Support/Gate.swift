/// Holds tasks back until a test lets them go.
final class Gate: Sendable {
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// Waits until the gate is open.
    ///
    /// - Throws: `CancellationError`.
    func pass() async throws {
        for await _ in stream {}
        try Task.checkCancellation()
    }

    /// Waits until the gate is open, whatever becomes of the calling task.
    func passUncancelled() async {
        await Task { [stream] in for await _ in stream {} }.value
    }

    func open() {
        continuation.finish()
    }
}
