/// Makes a canvas into messages: Celery's `apply_async` of every kind of signature.
struct CanvasExpander {
    let context: CanvasContext
    var results = ResultArena()
    private(set) var steps: [CanvasExpansion.Step] = []
    private(set) var children: [ResultTree] = []
    private var stepsOfChildren: [Int] = []

    init(_ context: CanvasContext) { self.context = context }

    /// Everything so far.
    ///
    /// - Parameter result: the result of the whole.
    func expansion(_ result: Int?) -> CanvasExpansion {
        CanvasExpansion(
            steps: steps, result: result.map(results.tree), children: children, stepsOfChildren: stepsOfChildren)
    }

    mutating func add(_ step: CanvasExpansion.Step) { steps.append(step) }

    /// There are about to be so many more steps. Of a large group that takes half the memory of an array that grows.
    mutating func reserve(_ count: Int) {
        // In other cases it grows as arrays do: by so little at a time it would be copied again and again.
        if count > steps.count { steps.reserveCapacity(steps.count + count) }
    }

    /// Adds to the `children` of the running task, unless the options say no.
    mutating func addChild(_ result: Int, _ isWanted: Bool) {
        guard isWanted else { return }
        children.append(results.tree(result))
        stepsOfChildren.append(steps.count)
    }

    /// Sends a signature.
    ///
    /// - Parameters:
    ///   - args: what goes before its own arguments.
    ///   - kwargs: what goes over its own keyword arguments.
    ///   - options: what goes over its own options. Nulls count, other than in a task's.
    /// - Returns: the result; `nil` for a chain without tasks.
    mutating func apply(
        _ node: CanvasNode, args: [JSONValue] = [], kwargs: JSONObject = [:], options: JSONObject = [:]
    ) throws(MessageError) -> Int? {
        try node.checkDepth()
        switch node.kind {
        case .task(let name): return try applyTask(name, node, args, kwargs, options)
        case .chain: return try applyChain(node, args, kwargs, options)
        case .group: return try applyGroup(node, args, kwargs, options, opening: nil)
        case .chord: return try applyChord(node, args, kwargs, options)
        }
    }

    private mutating func applyTask(
        _ name: String, _ node: CanvasNode, _ args: [JSONValue], _ kwargs: JSONObject, _ options: JSONObject
    ) throws(MessageError) -> Int {
        let all = try node.merged(options, isTask: true)
        var (allArgs, allKwargs) = (node.args, node.kwargs)
        if !node.isImmutable {
            if !args.isEmpty { allArgs = args + allArgs }
            allKwargs.update(kwargs)
        }
        var message = try CanvasTask(name: name, args: allArgs, kwargs: allKwargs, options: all, context)
        // Celery forgets it within chains and groups, and the default queue has workers that do not know the task.
        if message.routeName == nil, name == "celery.map" || name == "celery.starmap" {
            message.routeName = allKwargs["task"]?.objectValue?["task"]?.text
        }
        add(.send(message))
        let result = results.addTask(message.request.id)
        addChild(result, all["add_to_parent"]?.isTruthy ?? true)
        return result
    }

    // MARK: Chains

    private mutating func applyChain(
        _ node: CanvasNode, _ args: [JSONValue], _ kwargs: JSONObject, _ options: JSONObject
    ) throws(MessageError) -> Int? {
        guard case .chain(let nodes) = node.kind else { return nil }
        var all = node.options
        all.update(options)
        var preparation = ChainPreparation(nodes.map(ChainStep.init), copies: true, context)
        preparation.args = args
        preparation.kwargs = kwargs
        preparation.errbacks = try all.list("link_error").map { errback throws(MessageError) in
            try CanvasNode(errback)
        }
        let terms = FreezingTerms(
            id: try all["task_id"]?.id(named: "task_id"), group: all["group_id"], groupIndex: all["group_index"],
            chord: all["chord"], root: all["root_id"])
        try preparation.prepare(terms, &results)
        let tasks = preparation.tasks
        guard let first = tasks.last?.node, let last = tasks.first, let result = preparation.results.first else {
            return nil
        }
        let links = try all.list("link")
        if !links.isEmpty {
            last.node.options["link"] = .array(try last.node.options.list("link") + links)
        }
        var call = all.without(CanvasNode.optionsOfChains)
        let rest = try tasks.dropLast().map { step throws(MessageError) in try step.node.json }
        call["chain"] = .array((try call["chain"].array("chain") ?? []) + rest)
        // Of a task or a chord they are its own by now.
        var firstArgs: [JSONValue] = []
        var firstKwargs: JSONObject = [:]
        if case .group = first.kind { (firstArgs, firstKwargs) = (first.args, first.kwargs) }
        let sent = try apply(tasks.count > 1 ? first : last.node, args: firstArgs, kwargs: firstKwargs, options: call)
        return tasks.count > 1 ? result : sent
    }
}
