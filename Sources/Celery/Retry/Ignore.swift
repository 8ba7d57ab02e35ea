/// Thrown by a handler to end its task without a result; Celery's `Ignore`.
public struct Ignore: Error, Sendable {
    /// Ends the task without a result.
    public init() {}
}
