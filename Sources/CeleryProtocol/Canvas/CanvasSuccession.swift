/// All that follows a task's end by its message: what Celery's workers send after success and after failure.
package struct CanvasSuccession: Sendable {
    private let callbacks: [CanvasNode]
    /// The next step of the chain, and those behind it.
    private let next: CanvasNode?
    private let rest: [JSONValue]
    /// What is to be called after a failure, in the message's order.
    package let errbacks: [CanvasNode]

    /// Reads what a task's message says of it. Of a chain only the next step is read; those behind it are passed on as they
    /// are.
    ///
    /// - Throws: ``MessageError`` for what is no signature. Who reads this before the task runs, knows before that nothing
    ///   could follow it.
    package init(_ payload: TaskPayload) throws(MessageError) {
        callbacks = try payload.callbacks.map { value throws(MessageError) in try CanvasNode(value) }
        errbacks = try payload.errbacks.map { value throws(MessageError) in try CanvasNode(value) }
        if let chain = payload.chain, let last = chain.last {
            next = try CanvasNode(last)
            rest = Array(chain.dropLast())
        } else {
            next = nil
            rest = []
        }
    }

    /// Whether nothing follows success.
    package var isEmpty: Bool { callbacks.isEmpty && next == nil }

    /// What is to be done after success: of several callbacks the groups first, then the others as one group; then the next
    /// step of the chain.
    ///
    /// - Parameters:
    ///   - result: the task's result.
    ///   - context: the task that has ended.
    package func expanded(result: JSONValue, in context: CanvasContext) throws(MessageError) -> CanvasExpansion {
        var expander = CanvasExpander(context)
        if callbacks.count > 1 {
            var single: [CanvasNode] = []
            for callback in callbacks {
                if case .group = callback.kind {
                    try callback.followed(input: result, by: &expander)
                } else {
                    single.append(callback)
                }
            }
            if !single.isEmpty { try CanvasNode.group(single).followed(input: result, by: &expander) }
        } else {
            try callbacks.first?.followed(input: result, by: &expander)
        }
        try next?.followed(input: result, chain: rest, by: &expander)
        return expander.expansion(nil)
    }

    /// What is to be done to send the body of a chord whose header is complete.
    ///
    /// - Parameters:
    ///   - body: the body, as it stands in the message of each task of the header.
    ///   - results: what the tasks of the header returned, in order.
    ///   - context: the task that has ended last.
    package static func expanded(
        chordBody body: JSONValue, results: [JSONValue], in context: CanvasContext
    ) throws(MessageError) -> CanvasExpansion {
        var expander = CanvasExpander(context)
        let result = try expander.apply(try CanvasNode(body).cloned(), args: [.array(results)])
        return expander.expansion(result)
    }

    /// What is to be done to send errbacks as messages: all of them as one group, with the id of the task that has failed
    /// before their own arguments.
    ///
    /// - Parameter context: the task that has failed.
    package static func expanded(
        errbacks: [CanvasNode], of id: String, in context: CanvasContext
    ) throws(MessageError) -> CanvasExpansion {
        var expander = CanvasExpander(context)
        try CanvasNode.group(errbacks).followed(input: .string(id), handsPriorityOn: false, by: &expander)
        return expander.expansion(nil)
    }
}
