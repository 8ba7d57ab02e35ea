public import CeleryProtocol

extension Signature {
    /// How it is sent; what is given when it is enqueued counts more (Celery's `set`). Of a chain they are those of its
    /// first task, of a chord those of its body.
    public func options(_ options: SendOptions) -> Signature {
        changed { $0.options.update(try options.asSignatureOptions()) }
    }

    /// Also sends this with the result when it has succeeded, besides what comes after it (`link`).
    public func link<Result>(_ callback: Partial<Output, Result>) -> Signature {
        changed { try $0.link(try callback.stages.canvas()) }
    }

    /// Also sends this when it has succeeded, without the result.
    public func link<Result>(ignoringResult callback: Signature<Result>) -> Signature {
        link(callback.afterAnything())
    }

    /// Sends this when it, or a task of it, has failed, with the id of the task that has failed (`link_error`).
    public func linkError<Result>(_ errback: Partial<String, Result>) -> Signature {
        changed { try $0.linkError(try errback.stages.canvas()) }
    }

    /// Sends this when it, or a task of it, has failed, without the id.
    public func linkError<Result>(ignoringID errback: Signature<Result>) -> Signature {
        linkError(errback.afterAnything())
    }

    /// Stamps each of its tasks; workers hand stamps on with retries, and tasks can be revoked by them.
    public func stamped(_ stamps: JSONObject) -> Signature {
        changed { try $0.stamp(stamps) }
    }

    private func changed(_ change: @escaping @Sendable (inout CanvasNode) throws -> Void) -> Signature {
        Signature(task: task, stages: stages.changed(change), decodeOutput: decodeOutput)
    }
}
