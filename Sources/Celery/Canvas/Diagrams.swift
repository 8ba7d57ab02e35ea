public import CeleryProtocol

extension Signature {
    /// The workflow as text, for people and for viewers.
    ///
    /// - Throws: what encoding its arguments throws, and `MessageError` for a canvas that is too deep to be sent.
    public func diagram(_ diagram: CanvasDiagram) throws -> String { try canvas().drawn(as: diagram) }
}

extension GroupSignature {
    /// The workflow as text, for people and for viewers.
    ///
    /// - Throws: as ``Signature/diagram(_:)``.
    public func diagram(_ diagram: CanvasDiagram) throws -> String { try canvas().drawn(as: diagram) }
}
