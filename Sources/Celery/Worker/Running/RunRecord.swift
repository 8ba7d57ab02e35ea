internal import CeleryIO
internal import CeleryProtocol
internal import Instrumentation

/// What a run leaves behind for what follows it.
final class RunRecord: Sendable {
    private struct State {
        var children: [JSONValue] = []
        var serviceContext: ServiceContext?
        var unlocked: UnlockedChord?
    }

    private let state = Locked(State())

    /// The tasks and groups that the task has sent, as Celery's tuples of results.
    var children: [JSONValue] { state.withLock { $0.children } }

    /// The context in which the handler ran, with the spans around it: what follows the task is sent in it.
    var serviceContext: ServiceContext? {
        get { state.withLock { $0.serviceContext } }
        set { state.withLock { $0.serviceContext = newValue } }
    }

    /// The chord that the task was to look after, if it is to look after it no longer.
    var unlocked: UnlockedChord? { state.withLock { $0.unlocked } }

    func unlock(_ report: ChordReport, _ header: UnlockedChord.Header) {
        state.withLock { $0.unlocked = UnlockedChord(report: report, header: header) }
    }

    func add(_ children: [JSONValue]) { state.withLock { $0.children += children } }
}
