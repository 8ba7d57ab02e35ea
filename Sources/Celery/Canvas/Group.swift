/// Tasks that run side by side (Celery's `group`).
public func group<Element>(_ members: [Signature<Element>]) -> GroupSignature<Element> {
    GroupSignature(
        stages: CanvasStages(.group(members.map { member in { try member.stages.canvas(linksErrorsToHeaders: $0) } })),
        decodeElements: members.map(\.decodeOutput))
}

/// Tasks that run side by side (Celery's `group`).
public func group<Element>(_ members: Signature<Element>...) -> GroupSignature<Element> { group(members) }

/// Tasks that run side by side and all get the result of what comes before them.
public func group<Input, Element>(_ members: [Partial<Input, Element>]) -> GroupPartial<Input, Element> {
    GroupPartial(
        stages: CanvasStages(.group(members.map { member in { try member.stages.canvas(linksErrorsToHeaders: $0) } })),
        decodeElements: members.map(\.decodeOutput))
}

/// Tasks that run side by side and all get the result of what comes before them.
public func group<Input, Element>(_ members: Partial<Input, Element>...) -> GroupPartial<Input, Element> {
    group(members)
}

/// Tasks that run side by side, and a body that gets the list of their results, in order (Celery's `chord`).
public func chord<Element, Output>(
    _ header: [Signature<Element>], _ body: Partial<[Element], Output>
) -> Signature<Output> {
    group(header).then(body)
}
