public import CeleryProtocol

/// What takes a task's place, thrown by ``TaskContext/replace(with:)-(Signature<Output>)``: no failure, and not to be caught.
public struct TaskReplacement: Error, Sendable, Hashable {
    package let canvas: CanvasNode

    package init(_ canvas: CanvasNode) { self.canvas = canvas }

    /// The canvas as Celery's signature.
    ///
    /// - Throws: `MessageError` for one that is too deep to be written.
    public var signature: JSONValue {
        get throws { try canvas.json }
    }
}
