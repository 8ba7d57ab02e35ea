public import CeleryProtocol

/// A state to be stored, and where the task's sender wants to hear of it.
public struct StoredResult: Sendable, Hashable {
    /// The state.
    public var result: TaskResult
    /// Where `rpc://` replies go.
    public var route: ReplyRoute

    /// Makes an entry of a store.
    public init(_ result: TaskResult, route: ReplyRoute) {
        self.result = result
        self.route = route
    }
}
