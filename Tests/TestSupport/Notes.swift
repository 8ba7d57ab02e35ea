/// What one part of a test tells another, in order.
package final class Notes<Element: Sendable>: Sendable {
    package struct Ended: Error {}

    private let stream: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation

    package init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    package func add(_ element: Element) {
        continuation.yield(element)
    }

    /// The next note; waits for it.
    package func next() async throws -> Element {
        for await element in stream { return element }
        try Task.checkCancellation()
        throw Ended()
    }

    /// The next notes, exactly so many; waits for them.
    package func next(_ count: Int) async throws -> [Element] {
        var elements: [Element] = []
        while elements.count < count { elements.append(try await next()) }
        return elements
    }
}
