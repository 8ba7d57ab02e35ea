/// Results as messages to the sender (`rpc://`): nothing is kept, and only the client that sent a task can read its
/// result, once. Works over any broker.
public struct RPCResultBackend: ResultBackend {
    private let isPersistent: Bool

    /// Makes the backend.
    ///
    /// - Parameter isPersistent: whether results survive a restart of the broker (`result_persistent`).
    public init(isPersistent: Bool = false) {
        self.isPersistent = isPersistent
    }

    /// `rpc://`.
    public var location: String { "rpc://" }

    /// Makes the store; it uses connections of its own to the context's broker.
    public func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        RPCResultStore(context, isPersistent: isPersistent)
    }
}

extension ResultBackend where Self == RPCResultBackend {
    /// Results as messages to the sender, over the broker that the client or worker has.
    public static var rpc: RPCResultBackend { RPCResultBackend() }
}
