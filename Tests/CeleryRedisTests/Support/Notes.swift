/// What one part of a test tells another, in order.
final class Notes<Element: Sendable>: Sendable {
    struct Ended: Error {}

    private let stream: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func add(_ element: Element) {
        continuation.yield(element)
    }

    /// The next note; waits for it.
    func next() async throws -> Element {
        for await element in stream { return element }
        try Task.checkCancellation()
        throw Ended()
    }
}
