internal import CeleryProtocol

extension Signature {
    /// The same, with a result that is read as this type: for what is called by name.
    public func returning<Value: Decodable & Sendable>(_ type: Value.Type) -> Signature<Value> {
        Signature<Value>(task: task, stages: stages) { try JSONValueDecoder().decode(type, from: $0) }
    }

    /// This, and then a task that gets its result: a chain (`a | b`).
    public func then<Next>(_ next: Partial<Output, Next>) -> Signature<Next> {
        Signature<Next>(task: "celery.chain", stages: stages + next.stages, decodeOutput: next.decodeOutput)
    }

    /// This, and then a task that does not get its result: a chain with an immutable signature (`a | b.si()`).
    public func then<Next>(ignoringResult next: Signature<Next>) -> Signature<Next> {
        then(next.afterAnything())
    }

    /// This, and then some tasks side by side that all get its result.
    public func then<Element>(_ next: GroupPartial<Output, Element>) -> GroupSignature<Element> {
        GroupSignature(stages: stages + next.stages, decodeElements: next.decodeElements)
    }

    /// This, and then some tasks side by side that do not get its result.
    public func then<Element>(ignoringResult next: GroupSignature<Element>) -> GroupSignature<Element> {
        then(next.afterAnything())
    }

    /// This task, whatever is the result of what comes before it.
    func afterAnything<Input>() -> Partial<Input, Output> {
        Partial(stages: stages.ignoringInput, decodeOutput: decodeOutput)
    }
}
