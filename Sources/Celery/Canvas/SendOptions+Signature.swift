internal import CeleryProtocol

extension SendOptions {
    /// The options of a step of a workflow.
    ///
    /// - Throws: ``CeleryError`` when there are some among them that only the sender of the whole can obey.
    func asOptionsOfStep() throws -> JSONObject {
        guard inheritsPriority == nil, linksErrorsToHeaders == nil else {
            throw CeleryError(
                .invalidArgument,
                "inheritsPriority and linksErrorsToHeaders are options of a whole workflow, not of a step of it")
        }
        return try asSignatureOptions()
    }

    /// The options of each task of a group.
    ///
    /// - Throws: as ``asOptionsOfStep()`` and ``checkThatNoTaskIsNamed()``.
    func asOptionsOfMembers() throws -> JSONObject {
        try checkThatNoTaskIsNamed()
        return try asOptionsOfStep()
    }

    /// - Throws: ``CeleryError`` for an id: of many tasks it would be that of all.
    func checkThatNoTaskIsNamed() throws {
        guard id == nil else {
            throw CeleryError(.invalidArgument, "the tasks cannot be sent: an id is that of one task")
        }
    }

    /// The options as they stand in a signature, for whoever sends it: a worker, as a rule.
    ///
    /// - Throws: as ``check()``, and what encoding a date throws.
    func asSignatureOptions() throws -> JSONObject {
        try check()
        var object = JSONObject()
        switch eta {
        case .after(let duration)?: object["countdown"] = .seconds(duration)
        case .at(let date)?: object["eta"] = try JSONValueEncoder().encode(date)
        case nil: break
        }
        switch expires {
        case .after(let duration)?: object["expires"] = .seconds(duration)
        case .at(let date)?: object["expires"] = try JSONValueEncoder().encode(date)
        case nil: break
        }
        if let queue { object["queue"] = .string(queue) }
        if let exchange { object["exchange"] = .string(exchange) }
        if let routingKey { object["routing_key"] = .string(routingKey) }
        if let priority { object["priority"] = .integer(priority) }
        if let id { object["task_id"] = .string(id) }
        if !headers.isEmpty { object["headers"] = .object(headers) }
        if let shadow { object["shadow"] = .string(shadow) }
        if let timeLimit { object["time_limit"] = .seconds(timeLimit) }
        if let softTimeLimit { object["soft_time_limit"] = .seconds(softTimeLimit) }
        if let ignoreResult { object["ignore_result"] = .bool(ignoreResult) }
        if let isCompressed { object["compression"] = isCompressed ? "gzip" : .null }
        if let publishRetries { object["retry_policy"] = ["max_retries": .integer(publishRetries)] }
        return object
    }

    /// - Throws: ``CeleryError`` with the code `invalidArgument` for an id and a priority that make no sense.
    func check() throws {
        // Workers refuse it, and nobody could hear of it.
        guard id != "" else {
            throw CeleryError(.invalidArgument, "the task cannot be sent: its id must not be empty")
        }
        if let priority, !(0...255).contains(priority) {
            throw CeleryError(
                .invalidArgument, "the task cannot be sent: the priority \(priority) is not from 0 to 255")
        }
    }
}
