package import CeleryProtocol

/// Tasks that run side by side, and what comes before them. Celery's `group`.
///
///     let sums = group((1...10).map { Tasks.add($0, $0) })
///     let total = try await client.enqueue(sums.then(Tasks.sum.partial())).value()
///
/// What comes after a group gets the list of its results, in order: Celery's `chord`.
public struct GroupSignature<Element: Sendable>: Sendable {
    let stages: CanvasStages
    /// For each member.
    let decodeElements: [@Sendable (JSONValue) throws -> Element]

    /// What is sent.
    ///
    /// - Parameter linksErrorsToHeaders: whether what is linked to the failure of a chord is linked to the tasks of its
    ///   header too.
    package func canvas(linksErrorsToHeaders: Bool = false) throws -> CanvasNode {
        try stages.canvas(linksErrorsToHeaders: linksErrorsToHeaders)
    }

    /// The group, and then a task that gets the list of its results, in order: a chord.
    public func then<Next>(_ body: Partial<[Element], Next>) -> Signature<Next> {
        Signature<Next>(task: "celery.chord", stages: stages + body.stages, decodeOutput: body.decodeOutput)
    }

    /// The group, and then a task that does not get its results.
    public func then<Next>(ignoringResults body: Signature<Next>) -> Signature<Next> {
        then(body.afterAnything())
    }

    /// The group, and then another one, each member of which gets the list of its results.
    public func then<Next>(_ next: GroupPartial<[Element], Next>) -> GroupSignature<Next> {
        GroupSignature<Next>(stages: stages + next.stages, decodeElements: next.decodeElements)
    }

    /// The group, and then another one that does not get its results.
    public func then<Next>(ignoringResults next: GroupSignature<Next>) -> GroupSignature<Next> {
        then(next.afterAnything())
    }

    /// These tasks, whatever is the result of what comes before them.
    func afterAnything<Input>() -> GroupPartial<Input, Element> {
        GroupPartial(stages: stages.ignoringInput, decodeElements: decodeElements)
    }
}
