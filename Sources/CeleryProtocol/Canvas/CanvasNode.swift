/// A signature, Celery's word for a call that is yet to be sent: of a task, or of tasks in a chain, a group or a chord.
///
/// A canvas is a tree of these. It is read from a message or built, composed by Celery's rules
/// (``then(_:linksHeaders:)``), given its ids (``frozen(id:in:)``) and made into messages
/// (``expanded(input:kwargs:options:in:)``) without any I/O: how and where they are sent is somebody else's.
///
/// A canvas of more than ``maximumDepth`` levels is an error as soon as it is to be written or sent; until then it may be
/// built, and takes no memory.
package struct CanvasNode: Sendable, Hashable {
    /// How many levels of chains, groups, chords and links may stand in one another. Each takes up to five levels of
    /// JSON, of which readers take 512; Python fails a little further on.
    package static let maximumDepth = 100

    /// What is called.
    package indirect enum Kind: Sendable, Hashable {
        /// The task of this name, `celery.map` and the like among them.
        case task(String)
        /// Tasks one after another, each with the result of the one before.
        case chain([CanvasNode])
        /// Tasks side by side.
        case group([CanvasNode])
        /// Tasks side by side, and one for their results.
        case chord(Header, body: CanvasNode)
    }

    /// The first part of a chord.
    package enum Header: Sendable, Hashable {
        /// The tasks as they were given.
        case list([CanvasNode])
        /// A group that has its ids.
        case group(CanvasNode)
    }

    /// What is called.
    package internal(set) var kind: Kind {
        get { measuredKind }
        set {
            measuredKind = newValue
            measure()
        }
    }
    private var measuredKind: Kind
    /// The positional arguments.
    package var args: [JSONValue] = []
    /// The keyword arguments; of a chain, a group or a chord what stands there besides the tasks.
    package var kwargs: JSONObject = [:]
    /// Celery's execution options: ids, when and where to send it, links, stamps.
    package var options: JSONObject = [:]
    /// Whether the result of the task before is not passed on to it.
    package var isImmutable = false
    /// Fields that are not Celery's, in order; Celery loses them where it copies the signature.
    package var unknown: JSONObject = [:]
    /// How many levels it has, one for a task; what is linked counts where it was linked here.
    package private(set) var depth = 1
    private var depthOfLinks = 0
    /// Whether it had more levels than are allowed, and therefore lost what it held.
    private var isTooDeep = false

    /// A call of a task.
    package init(
        task name: String, args: [JSONValue] = [], kwargs: JSONObject = [:], options: JSONObject = [:],
        isImmutable: Bool = false
    ) {
        measuredKind = .task(name)
        self.args = args
        self.kwargs = kwargs
        self.options = options
        self.isImmutable = isImmutable
    }

    /// Tasks as they are, without any of the rules of composing.
    package init(_ kind: Kind, options: JSONObject = [:]) {
        measuredKind = kind
        self.options = options
        measure()
    }

    /// The name of the task; of a chain, a group or a chord the one that Celery gives it.
    package var taskName: String {
        switch kind {
        case .task(let name): name
        case .chain: "celery.chain"
        case .group: "celery.group"
        case .chord: "celery.chord"
        }
    }

    /// - Throws: ``MessageError`` when there were more levels than are allowed.
    func checkDepth() throws(MessageError) {
        guard !isTooDeep else { throw Self.tooDeep }
    }

    static let tooDeep = MessageError(.invalidTask, "a canvas has more than \(maximumDepth) levels")

    /// Counts the levels of what was linked.
    mutating func hasLinked(_ node: CanvasNode) {
        depthOfLinks = max(depthOfLinks, node.depth)
        measure()
    }

    mutating func copyLinkDepth(of node: CanvasNode) {
        depthOfLinks = node.depthOfLinks
        measure()
    }

    /// Keeps the number of levels, and lets go of what has too many: even to free it would take too much of the stack.
    private mutating func measure() {
        var deepest = depthOfLinks
        var hasLostSomething = isTooDeep
        func look(at nodes: [CanvasNode]) {
            for node in nodes {
                deepest = max(deepest, node.depth)
                hasLostSomething = hasLostSomething || node.isTooDeep
            }
        }
        switch measuredKind {
        case .task: break
        case .chain(let nodes), .group(let nodes): look(at: nodes)
        case .chord(let header, let body):
            // A group that a header has become is no level of its own.
            look(at: header.tasks + [body])
            if case .group(let group) = header { hasLostSomething = hasLostSomething || group.isTooDeep }
        }
        depth = deepest + 1
        isTooDeep = hasLostSomething || depth > Self.maximumDepth
        guard isTooDeep else { return }
        measuredKind = .group([])
        options = [:]
        depth = 1
        depthOfLinks = 0
    }
}
