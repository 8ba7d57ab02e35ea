public import CeleryProtocol

extension Partial {
    /// How it is sent, as ``Signature/options(_:)``; a worker that has no route for it would send it to its default queue.
    public func options(_ options: SendOptions) -> Partial {
        changed { node, _ in node.options.update(try options.asOptionsOfStep()) }
    }

    /// Also sends this with the result when it has succeeded, as ``Signature/link(_:)``.
    public func link<Result>(_ callback: Partial<Output, Result>) -> Partial {
        changed { try $0.link(try callback.stages.canvas(linksErrorsToHeaders: $1)) }
    }

    /// Also sends this when it has succeeded, without the result.
    public func link<Result>(ignoringResult callback: Signature<Result>) -> Partial {
        link(callback.afterAnything())
    }

    /// Sends this when it, or a task of it, has failed, as ``Signature/linkError(_:)``. Of the body of a chord: also when a
    /// task of the chord's header has failed.
    public func linkError<Result>(_ errback: Partial<String, Result>) -> Partial {
        changed { try $0.linkError(errback, linksHeaders: $1) }
    }

    /// Sends this when it, or a task of it, has failed, without the id.
    public func linkError<Result>(ignoringID errback: Signature<Result>) -> Partial {
        linkError(errback.afterAnything())
    }

    /// Stamps it, as ``Signature/stamped(_:)``.
    public func stamped(_ stamps: JSONObject) -> Partial {
        changed { node, _ in try node.stamp(stamps) }
    }

    private func changed(_ change: @escaping CanvasStages.Change) -> Partial {
        Partial(stages: stages.changed(change), decodeOutput: decodeOutput)
    }
}
