public import CeleryProtocol
internal import CeleryTransport

extension CeleryClient {
    /// Sends many tasks at once, as one group: what they have in common is done once, and their results are waited for
    /// together.
    ///
    ///     let sizes = try await client.enqueue(contentsOf: paths.map { measure.signature(path: $0) }).values()
    ///
    /// - Parameters:
    ///   - signatures: the calls; workflows too.
    ///   - options: how each task is sent; they have ids of their own.
    /// - Returns: a handle on the group, with one for each task.
    /// - Throws: as ``enqueue(_:options:)->TaskHandle<Output>``; nothing is sent when an argument or an option cannot be. When the broker takes
    ///   some tasks and others not, the error is that of those that it does not take.
    @discardableResult
    public func enqueue<Output>(
        contentsOf signatures: [Signature<Output>], options: SendOptions = .init()
    ) async throws -> GroupHandle<Output> {
        try await enqueue(Celery.group(signatures), options: options)
    }

    /// Sends tasks or workflows side by side, and what comes before them.
    ///
    /// - Parameters:
    ///   - group: the tasks, and what comes before them.
    ///   - options: how each task is sent; they have ids of their own.
    /// - Returns: a handle on the group, with one for each member.
    /// - Throws: as ``enqueue(contentsOf:options:)``.
    @discardableResult
    public func enqueue<Element>(
        _ group: GroupSignature<Element>, options: SendOptions = .init()
    ) async throws -> GroupHandle<Element> {
        try await sender.send(group, options, parent: nil).handle
    }

    /// A handle on a group that was saved, in Swift or in Python; `nil` when the result backend does not know it.
    ///
    /// - Throws: `TransportError`, `unsupported` when the result backend keeps no groups; ``CeleryError`` with the code
    ///   `undecodableResult` or `noResultBackend`.
    public func group(id: String) async throws -> GroupHandle<JSONValue>? {
        try await group(id: id) { $0 }
    }

    /// A handle on a group of calls of one task that was saved, in Swift or in Python; `nil` when the result backend does
    /// not know it.
    ///
    /// - Throws: as ``group(id:)``.
    public func group<Input, Output>(
        of task: TaskDefinition<Input, Output>, id: String
    ) async throws -> GroupHandle<Output>? {
        try await group(id: id, task.decodeOutput)
    }

    private func group<Element>(
        id: String, _ decodeElement: @escaping @Sendable (JSONValue) throws -> Element
    ) async throws -> GroupHandle<Element>? {
        guard let results else {
            throw CeleryError(.noResultBackend, "the client was made without a result backend")
        }
        do {
            return try await results.group(id).map {
                GroupHandle($0, results: results, decodeElement: decodeElement)
            }
        } catch let error as MessageError {
            throw CeleryError(
                .undecodableResult, "what is stored of the group \(id) cannot be read: \(error.reason)",
                underlyingError: error)
        }
    }
}
