public import CeleryProtocol

extension Signature {
    /// How it is sent; what is given when it is enqueued counts more (Celery's `set`). Of a chain they are those of its
    /// first task, of a chord those of its body.
    public func options(_ options: SendOptions) -> Signature {
        changed { node, _ in node.options.update(try options.asOptionsOfStep()) }
    }

    /// Also sends this with the result when it has succeeded, besides what comes after it (`link`).
    public func link<Result>(_ callback: Partial<Output, Result>) -> Signature {
        changed { try $0.link(try callback.stages.canvas(linksErrorsToHeaders: $1)) }
    }

    /// Also sends this when it has succeeded, without the result.
    public func link<Result>(ignoringResult callback: Signature<Result>) -> Signature {
        link(callback.afterAnything())
    }

    /// Sends this when it, or a task of it, has failed, with the id of the task that has failed (`link_error`).
    public func linkError<Result>(_ errback: Partial<String, Result>) -> Signature {
        changed { try $0.linkError(errback, linksHeaders: $1) }
    }

    /// Sends this when it, or a task of it, has failed, without the id.
    public func linkError<Result>(ignoringID errback: Signature<Result>) -> Signature {
        linkError(errback.afterAnything())
    }

    /// Stamps each of its tasks but those of the bodies of chords, as Celery's `stamp`; ``stamped(by:)`` stamps these too.
    /// Workers hand stamps on with retries, and tasks can be revoked by them.
    public func stamped(_ stamps: JSONObject) -> Signature {
        changed { node, _ in try node.stamp(stamps) }
    }

    /// Stamps each of its tasks with what the visitor says of it and of the parts around it, also the bodies of chords and
    /// what is linked (Celery's `StampingVisitor`).
    ///
    ///     flow.stamped { part in part.place == .task ? ["team": .string(teams[part.task] ?? "none")] : [:] }
    public func stamped(by visitor: @escaping StampingVisit.Visitor) -> Signature {
        changed { node, _ in try node.stamp(visitor: visitor) }
    }

    private func changed(_ change: @escaping CanvasStages.Change) -> Signature {
        Signature(task: task, stages: stages.changed(change), decodeOutput: decodeOutput)
    }
}

extension CanvasNode {
    /// Has `errback` sent when this has failed.
    mutating func linkError<Result>(_ errback: Partial<String, Result>, linksHeaders: Bool) throws {
        try linkError(try errback.stages.canvas(linksErrorsToHeaders: linksHeaders), linksHeaders: linksHeaders)
    }
}

extension CanvasStages {
    /// The same whose tasks have `errback` sent when they have failed, as far as no task of a chord's body tells of them.
    func linkingErrors<Result>(to errback: Partial<String, Result>) -> Self {
        changedEach(header: { node, linksHeaders in
            let errback = try errback.stages.canvas(linksErrorsToHeaders: linksHeaders)
            try node.linkErrorOfChord(errback, linksHeaders: linksHeaders)
        }) { try $0.linkError(errback, linksHeaders: $1) }
    }
}
