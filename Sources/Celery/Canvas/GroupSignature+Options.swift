public import CeleryProtocol

extension GroupSignature {
    /// How each task of the group is sent (`group.set`), but for an id; what is given when it is enqueued counts more.
    public func options(_ options: SendOptions) -> GroupSignature {
        GroupSignature(
            stages: stages.changedMembers { node, _ in node.options.update(try options.asOptionsOfMembers()) },
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, with that task's id (`link_error`).
    public func linkError<Result>(_ errback: Partial<String, Result>) -> GroupSignature {
        GroupSignature(
            stages: stages.linkingErrors(to: errback),
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, without the id.
    public func linkError<Result>(ignoringID errback: Signature<Result>) -> GroupSignature {
        linkError(errback.afterAnything())
    }

    /// Stamps each of its tasks, as ``Signature/stamped(_:)``.
    public func stamped(_ stamps: JSONObject) -> GroupSignature {
        GroupSignature(stages: stages.changedEach { node, _ in try node.stamp(stamps) }, decodeElements: decodeElements)
    }

    /// Stamps each of its tasks, as ``Signature/stamped(by:)``; the group itself is not visited.
    public func stamped(by visitor: @escaping StampingVisit.Visitor) -> GroupSignature {
        GroupSignature(
            stages: stages.changedEach { node, _ in try node.stamp(visitor: visitor) }, decodeElements: decodeElements)
    }
}

extension GroupPartial {
    /// How each task of the group is sent, as ``GroupSignature/options(_:)``.
    public func options(_ options: SendOptions) -> GroupPartial {
        GroupPartial(
            stages: stages.changedMembers { node, _ in node.options.update(try options.asOptionsOfMembers()) },
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, as ``GroupSignature/linkError(_:)``.
    public func linkError<Result>(_ errback: Partial<String, Result>) -> GroupPartial {
        GroupPartial(
            stages: stages.linkingErrors(to: errback),
            decodeElements: decodeElements)
    }

    /// Sends this for each task of it that has failed, without the id.
    public func linkError<Result>(ignoringID errback: Signature<Result>) -> GroupPartial {
        linkError(errback.afterAnything())
    }

    /// Stamps each of its tasks, as ``Signature/stamped(_:)``.
    public func stamped(_ stamps: JSONObject) -> GroupPartial {
        GroupPartial(stages: stages.changedEach { node, _ in try node.stamp(stamps) }, decodeElements: decodeElements)
    }
}
