/// A part of a workflow that is to be stamped.
public struct StampingVisit: Sendable {
    /// Says what a part is stamped with, besides what it has from the parts around it.
    public typealias Visitor = @Sendable (StampingVisit) -> JSONObject

    /// What the part is; in brackets the method of Celery's `StampingVisitor`.
    public enum Place: Sendable, Hashable {
        /// A task (`on_signature`). All else is stamped for the tasks that it holds.
        case task
        /// A chain (`on_chain_start`).
        case chain
        /// A group (`on_group_start`).
        case group
        /// The header of a chord, as a group (`on_chord_header_start`).
        case header
        /// The body of a chord (`on_chord_body`); its tasks come after it.
        case body
        /// What is sent after a success (`on_callback`); its tasks come after it.
        case callback
        /// What is sent after a failure (`on_errback`); its tasks come after it.
        case errback
    }

    /// What the part is.
    public let place: Place
    let node: CanvasNode
    /// The stamps that it has from the parts around it. Of the same name they count more than what is said of it.
    public let stamps: JSONObject

    /// The name of its task; of a chain, a group or a chord Celery's, such as `celery.chain`.
    public var task: String { node.taskName }
    /// Its own positional arguments.
    public var arguments: [JSONValue] { node.args }
    /// Its own keyword arguments; of a chain, a group or a chord those beside its tasks.
    public var keywords: JSONObject { node.kwargs }
    /// Its options by Celery's names, such as `queue`.
    public var options: JSONObject { node.options }
    /// How many tasks or workflows it consists of: one for a task and a body, of others their steps or members.
    public var count: Int {
        switch node.kind {
        case .task, .chord: 1
        case .chain(let nodes), .group(let nodes): nodes.count
        }
    }
}
