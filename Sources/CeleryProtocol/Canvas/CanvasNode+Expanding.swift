extension CanvasNode {
    /// What is to be done to send it: Celery's `apply_async`.
    ///
    /// - Parameters:
    ///   - input: what goes before the arguments of each task that begins and is not immutable.
    ///   - kwargs: what goes over their keyword arguments.
    ///   - options: what goes over the options. A worker that goes on after a task uses ``CanvasSuccession`` instead.
    ///   - context: who sends it.
    /// - Throws: ``MessageError`` for options that are not what they have to be, and for a canvas that is too deep.
    package func expanded(
        input: [JSONValue] = [], kwargs: JSONObject = [:], options: JSONObject = [:], in context: CanvasContext
    ) throws(MessageError) -> CanvasExpansion {
        var expander = CanvasExpander(context)
        let result = try expander.apply(try chunked(), args: input, kwargs: kwargs, options: options)
        return expander.expansion(result)
    }

    /// What is to be done to send it on behalf of a task that has ended: with that task as its parent, and with nulls where
    /// the task has nothing to hand on, as Celery does it.
    func followed(
        input: JSONValue, chain: [JSONValue]? = nil, handsPriorityOn: Bool = true, by expander: inout CanvasExpander
    ) throws(MessageError) {
        let context = expander.context
        var options = JSONObject()
        if let chain { options.append("chain", .array(chain)) }
        options.append("parent_id", context.parentID.map(JSONValue.string) ?? .null)
        options.append("root_id", context.rootID.map(JSONValue.string) ?? .null)
        if handsPriorityOn { options.append("priority", context.priority.map(JSONValue.integer) ?? .null) }
        _ = try expander.apply(try cloned(), args: [input], options: options)
    }

    /// Of chunks the group of starmaps that they stand for, else itself.
    func chunked() throws(MessageError) -> CanvasNode {
        guard case .task("celery.chunks") = kind else { return self }
        guard let task = kwargs["task"], let items = try kwargs["it"].array("it of chunks"),
            let size = kwargs["n"]?.integerValue, size > 0
        else { throw .invalid("kwargs of chunks", .object(kwargs)) }
        let starmaps = stride(from: 0, to: items.count, by: size).map { start in
            CanvasNode(
                task: "celery.starmap",
                kwargs: ["task": task, "it": .array(Array(items[start..<min(items.count, start + size)]))],
                isImmutable: true)
        }
        return CanvasNode(.group(starmaps), options: options)
    }
}
