internal import CeleryProtocol

/// A task that came and that this worker has no handler for. Mostly it came because its queue is shared with the workers
/// of a Python app.
struct UnregisteredTask: Sendable {
    /// Its metadata.
    let request: TaskRequest
    /// The message as it came.
    let message: Message
    private let queue: String
    private let handlers: [String: TaskHandler]

    /// So many names of handlers are shown.
    private static let mostNames = 6
    private static let nameLimit = 40

    init(_ request: TaskRequest, _ message: Message, queue: String, handlers: [String: TaskHandler]) {
        self.request = request
        self.message = message
        self.queue = queue
        self.handlers = handlers
    }

    /// The names of the tasks that there are handlers for; of many only some.
    var registered: String {
        let names = handlers.keys.filter { !BuiltInTasks.names.contains($0) }.sorted()
        if names.isEmpty { return "nothing" }
        let shown = names.prefix(Self.mostNames).map { LogText($0, limit: Self.nameLimit).description }
        let rest = names.count - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    /// What stands in the log behind the fact.
    var advice: String { "give Swift tasks a queue of their own" }

    /// What the caller finds where a failure of Python has its traceback.
    var explanation: String {
        """
        The worker has no handler for the task \(PythonRepr.quoted(request.task)), which came from the queue \
        \(PythonRepr.quoted(queue)). Registered: \(registered).
        Give Swift tasks a queue of their own: the Swift workers consume it (-Q), and the routes (task_routes in Python) \
        send them there, and other tasks to the queues of other workers.

        """
    }
}
