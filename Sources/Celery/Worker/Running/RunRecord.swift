internal import CeleryIO
internal import Instrumentation

/// What a run leaves behind for what follows it.
final class RunRecord: Sendable {
    private struct State {
        var children: [String] = []
        var serviceContext: ServiceContext?
    }

    private let state = Locked(State())

    /// The ids of the tasks that the task has sent.
    var children: [String] { state.withLock { $0.children } }

    /// The context in which the handler ran, with the spans around it: what follows the task is sent in it.
    var serviceContext: ServiceContext? {
        get { state.withLock { $0.serviceContext } }
        set { state.withLock { $0.serviceContext = newValue } }
    }

    func add(child id: String) { state.withLock { $0.children.append(id) } }
}
