internal import CeleryProtocol

/// All that follows a task's success.
struct Successors: Sendable {
    private let callbacks: [Successor]
    private let chain: [Successor]
    private let chainSignatures: [JSONValue]

    /// Reads what a task's message says of it.
    init(_ payload: TaskPayload, of request: TaskRequest) throws(MessageError) {
        // Without a group nobody waits for this task; Celery runs it like any other.
        guard payload.chord == nil || request.group?.isEmpty ?? true else {
            throw MessageError(.invalidTask, "the task belongs to a chord: chords are not built yet")
        }
        callbacks = try payload.callbacks.map { value throws(MessageError) in try Successor(value) }
        // Only sent after a failure, and read then; one that cannot be is refused here all the same.
        for errback in payload.errbacks { _ = try Successor(errback) }
        chainSignatures = payload.chain ?? []
        chain = try chainSignatures.map { value throws(MessageError) in try Successor(value) }
    }

    /// The messages to send after success: the callbacks, several as one group, and the next step of the chain, which
    /// is the last of its list.
    func messages(
        after request: TaskRequest, result: JSONValue, publisher: TaskPublisher
    ) throws -> [OutgoingMessage] {
        let group = callbacks.count > 1 ? RandomID.make() : nil
        var messages = try callbacks.enumerated().map { index, callback in
            OutgoingMessage(
                .successor,
                try callback.message(
                    after: request, input: result, rest: nil, group: group.map { ($0, index) }, publisher: publisher))
        }
        // A group is a child when all of it is sent.
        if let last = messages.indices.last {
            messages[last].child =
                group.map { OutgoingMessage.child(group: $0, of: callbacks.map(\.id)) }
                ?? OutgoingMessage.child(callbacks[last].id)
        }
        if let next = chain.last {
            messages.append(
                OutgoingMessage(
                    .successor,
                    try next.message(
                        after: request, input: result, rest: Array(chainSignatures.dropLast()), group: nil,
                        publisher: publisher),
                    child: OutgoingMessage.child(next.id)))
        }
        return messages
    }
}
