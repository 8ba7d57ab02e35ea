public import CeleryProtocol

extension GroupSignature {
    /// How each task of the group is sent (`group.set`); what is given when it is enqueued counts more.
    public func options(_ options: SendOptions) -> GroupSignature {
        GroupSignature(
            stages: stages.changedMembers { $0.options.update(try options.asSignatureOptions()) },
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, with that task's id (`link_error`).
    public func linkError<Result>(_ errback: Partial<String, Result>) -> GroupSignature {
        GroupSignature(
            stages: stages.changedEach(headers: false) { try $0.linkError(try errback.stages.canvas()) },
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, without the id.
    public func linkError<Result>(ignoringID errback: Signature<Result>) -> GroupSignature {
        linkError(errback.afterAnything())
    }

    /// Stamps each of its tasks, as ``Signature/stamped(_:)``.
    public func stamped(_ stamps: JSONObject) -> GroupSignature {
        GroupSignature(stages: stages.changedEach { try $0.stamp(stamps) }, decodeElements: decodeElements)
    }
}

extension GroupPartial {
    /// How each task of the group is sent, as ``GroupSignature/options(_:)``.
    public func options(_ options: SendOptions) -> GroupPartial {
        GroupPartial(
            stages: stages.changedMembers { $0.options.update(try options.asSignatureOptions()) },
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, as ``GroupSignature/linkError(_:)``.
    public func linkError<Result>(_ errback: Partial<String, Result>) -> GroupPartial {
        GroupPartial(
            stages: stages.changedEach(headers: false) { try $0.linkError(try errback.stages.canvas()) },
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, without the id.
    public func linkError<Result>(ignoringID errback: Signature<Result>) -> GroupPartial {
        linkError(errback.afterAnything())
    }

    /// Stamps each of its tasks, as ``Signature/stamped(_:)``.
    public func stamped(_ stamps: JSONObject) -> GroupPartial {
        GroupPartial(stages: stages.changedEach { try $0.stamp(stamps) }, decodeElements: decodeElements)
    }
}
