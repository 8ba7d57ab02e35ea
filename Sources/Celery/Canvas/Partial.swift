public import CeleryProtocol

/// A task, or a workflow, whose first argument is still open: it gets the result of what comes before it. Celery's partial
/// signature.
///
///     let flow = Tasks.add(2, 2).then(Tasks.add.partial(4))
///
/// A task whose first parameter is of another type than the result before it does not compile.
public struct Partial<Input: Sendable, Output: Sendable>: Sendable {
    let stages: CanvasStages
    let decodeOutput: @Sendable (JSONValue) throws -> Output
}

extension Partial where Output == JSONValue {
    /// A task by its name, for tasks without a ``TaskDefinition``.
    ///
    /// - Parameters:
    ///   - task: the name of the task.
    ///   - arguments: what comes after the result before it.
    ///   - keywords: the keyword arguments.
    public init(task: String, arguments: [JSONValue] = [], keywords: JSONObject = [:]) {
        self.init(
            stages: CanvasStages(.one { _ in CanvasNode(task: task, args: arguments, kwargs: keywords) }),
            decodeOutput: { $0 })
    }
}

extension Partial {
    /// The same, with a result that is read as this type: for what is called by name.
    public func returning<Value: Decodable & Sendable>(_ type: Value.Type) -> Partial<Input, Value> {
        Partial<Input, Value>(stages: stages) { try JSONValueDecoder().decode(type, from: $0) }
    }

    /// This, and then a task that gets its result: the rest of a chain.
    public func then<Next>(_ next: Partial<Output, Next>) -> Partial<Input, Next> {
        Partial<Input, Next>(stages: stages + next.stages, decodeOutput: next.decodeOutput)
    }

    /// This, and then a task that does not get its result.
    public func then<Next>(ignoringResult next: Signature<Next>) -> Partial<Input, Next> {
        then(next.afterAnything())
    }

    /// This, and then some tasks side by side that all get its result.
    public func then<Element>(_ next: GroupPartial<Output, Element>) -> GroupPartial<Input, Element> {
        GroupPartial(stages: stages + next.stages, decodeElements: next.decodeElements)
    }

    /// This, and then some tasks side by side that do not get its result.
    public func then<Element>(ignoringResult next: GroupSignature<Element>) -> GroupPartial<Input, Element> {
        then(next.afterAnything())
    }
}
