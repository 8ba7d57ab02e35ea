extension CanvasTask {
    /// A message of a task from the options of its signature.
    init(
        name: String, args: [JSONValue], kwargs: JSONObject, options: JSONObject, _ context: CanvasContext
    ) throws(MessageError) {
        let id = try options["task_id"]?.id(named: "task_id") ?? context.makeID()
        request = TaskRequest(task: name, id: id)
        payload = TaskPayload(args: args, kwargs: kwargs)
        self.options = [:]
        request.rootID = context.rootID ?? id
        request.parentID = context.parentID
        request.replyTo = context.replyTo
        for (key, value) in options where !value.isNull { try take(key, value, of: options) }
        if !request.stampedHeaders.isNull { takeStamps(options) }
        // As in Celery, a task that names both its root and its parent takes nothing else from the running one either.
        let isComplete = options["root_id"]?.isTruthy ?? false && options["parent_id"]?.isTruthy ?? false
        if !isComplete { inheritedPriority = context.priority }
    }

    /// How often its sending is tried again (`retry`, `retry_policy`); `nil` for the default.
    package var publishRetries: Int? {
        if options["retry"] == false { return 0 }
        return options["retry_policy"]?.objectValue?["max_retries"]?.integerValue
    }

    private mutating func take(_ key: String, _ value: JSONValue, of options: JSONObject) throws(MessageError) {
        switch key {
        // The last one is Celery's slip when it links errbacks to a chord's header; it means nothing.
        case "task_id", "add_to_parent", "immutable": break
        case "root_id": if let root = try value.id(named: key) { request.rootID = root }
        case "parent_id": if let parent = try value.id(named: key) { request.parentID = parent }
        case "group_id": request.group = try value.id(named: key)
        case "group_index": request.groupIndex = try options.integer(key)
        case "reply_to": if let replyTo = try value.id(named: key) { request.replyTo = replyTo }
        case "shadow": request.shadow = value.text.flatMap { $0.isEmpty ? nil : $0 }
        case "retries": request.retries = value.retryCount
        case "time_limit": request.writtenTimeLimit = try options.limit(key)
        case "soft_time_limit": request.writtenSoftTimeLimit = try options.limit(key)
        case "ignore_result": request.ignoreResult = value.isTruthy
        case "replaced_task_nesting": request.replacedTaskNesting = try options.integer(key) ?? 0
        case "headers": request.headers = try options[key].object(key) ?? [:]
        case "stamped_headers": request.stampedHeaders = .array(try options[key].array(key) ?? [])
        case "link": payload.callbacks = try options.list(key)
        case "link_error": payload.errbacks = try options.list(key)
        case "chain": payload.chain = try options[key].array(key)
        case "chord": payload.chord = try options[key].object(key).map(JSONValue.object)
        case "route_name": routeName = value.text
        default: self.options[key] = value
        }
    }

    /// Stamps stand among the options, and by themselves in the message.
    private mutating func takeStamps(_ options: JSONObject) {
        for name in (request.stampedHeaders.arrayValue ?? []).compactMap(\.text) {
            request.stamps[name] = options[name] ?? .null
            self.options[name] = nil
        }
    }
}
