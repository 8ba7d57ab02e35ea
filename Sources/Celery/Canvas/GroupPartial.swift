internal import CeleryProtocol

/// Tasks that run side by side, each with its first argument still open: all get the result of what comes before them.
public struct GroupPartial<Input: Sendable, Element: Sendable>: Sendable {
    let stages: CanvasStages
    /// For each member.
    let decodeElements: [@Sendable (JSONValue) throws -> Element]

    /// The group, and then a task that gets the list of its results, in order: a chord.
    public func then<Next>(_ body: Partial<[Element], Next>) -> Partial<Input, Next> {
        Partial<Input, Next>(stages: stages + body.stages, decodeOutput: body.decodeOutput)
    }

    /// The group, and then a task that does not get its results.
    public func then<Next>(ignoringResults body: Signature<Next>) -> Partial<Input, Next> {
        then(body.afterAnything())
    }

    /// The group, and then another one, each member of which gets the list of its results.
    public func then<Next>(_ next: GroupPartial<[Element], Next>) -> GroupPartial<Input, Next> {
        GroupPartial<Input, Next>(stages: stages + next.stages, decodeElements: next.decodeElements)
    }

    /// The group, and then another one that does not get its results.
    public func then<Next>(ignoringResults next: GroupSignature<Next>) -> GroupPartial<Input, Next> {
        then(next.afterAnything())
    }
}
