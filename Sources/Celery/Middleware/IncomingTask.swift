public import CeleryProtocol

/// A task that is about to run, as ``CeleryMiddleware`` sees it.
public struct IncomingTask: Sendable {
    /// What the handler gets to know of it: its request with the headers, its logger.
    public let context: TaskContext
    /// How long it has waited in this worker since its message came, or since its eta; `nil` in a test without a worker.
    /// How long it was in the queue before no message says.
    public let waited: Duration?
    private(set) var payload: TaskPayload

    init(_ context: TaskContext, _ payload: TaskPayload, waited: Duration?) {
        self.context = context
        self.waited = waited
        self.payload = payload
    }

    /// The positional arguments. The next try has those of the message again.
    public var arguments: [JSONValue] {
        get { payload.args }
        set { payload.args = newValue }
    }

    /// The keyword arguments, likewise.
    public var keywords: JSONObject {
        get { payload.kwargs }
        set { payload.kwargs = newValue }
    }
}
