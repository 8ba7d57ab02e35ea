import Celery

/// Makes workflows of the descriptions that `canvases/building.py` explains, with what users of the package have.
///
/// That is not all of Celery's canvas: where it has no word for something there is `nil`, and ``CanvasReader`` takes over.
struct WorkflowReader {
    /// A workflow with one result or with several; so are those that follow something.
    enum Workflow {
        case one(Signature<JSONValue>)
        case group(GroupSignature<JSONValue>)
    }

    enum Sequel<Input: Sendable> {
        case one(Partial<Input, JSONValue>)
        case group(GroupPartial<Input, JSONValue>)
        /// Whatever comes before.
        case whatever(Signature<JSONValue>)
    }

    /// Where the tasks note their calls.
    let run: String

    func workflow(_ description: JSONValue?) -> Workflow? {
        guard let fields = description?.objectValue else { return nil }
        switch fields["kind"]?.stringValue {
        case "task":
            let task = Signature(task: name(fields), arguments: arguments(fields), keywords: keywords(fields))
            return options(fields).flatMap { linked(.one(task.options($0)), fields) }
        case "map", "starmap":
            return options(fields).flatMap { linked(.one(mapped(fields).options($0)), fields) }
        case "chain":
            var parts = (fields["parts"]?.arrayValue ?? [])[...]
            guard ChainShape.isTheSame(parts), let first = parts.popFirst(), var whole = workflow(first) else {
                return nil
            }
            for part in parts {
                guard let next = then(whole, part) else { return nil }
                whole = next
            }
            return linked(whole, fields)
        case "group":
            // One of one is that one in Python.
            guard let members = signatures(fields["parts"]), members.count > 1 else { return nil }
            return linked(.group(group(members)), fields)
        case "chord":
            guard let header = signatures(fields["parts"]), let body = fields["body"] else { return nil }
            return then(.group(group(header)), body).flatMap { linked($0, fields) }
        default: return nil
        }
    }

    private func signatures(_ descriptions: JSONValue?) -> [Signature<JSONValue>]? {
        all(descriptions) { if case .one(let signature)? = workflow($0) { signature } else { nil } }
    }

    private func all<Value>(_ descriptions: JSONValue?, _ make: (JSONValue) -> Value?) -> [Value]? {
        let descriptions = descriptions?.arrayValue ?? []
        let values = descriptions.compactMap(make)
        return values.count == descriptions.count ? values : nil
    }

    private func then(_ first: Workflow, _ next: JSONValue) -> Workflow? {
        switch first {
        case .one(let first):
            switch sequel(next, JSONValue.self) {
            case .one(let next)?: .one(first.then(next))
            case .group(let next)?: .group(first.then(next))
            case .whatever(let next)?: .one(first.then(ignoringResult: next))
            case nil: nil
            }
        case .group(let first):
            switch sequel(next, [JSONValue].self) {
            case .one(let next)?: .one(first.then(next))
            case .group(let next)?: .group(first.then(next))
            case .whatever(let next)?: .one(first.then(ignoringResults: next))
            case nil: nil
            }
        }
    }

    // MARK: What follows

    private func sequel<Input>(_ description: JSONValue, _ input: Input.Type) -> Sequel<Input>? {
        guard let fields = description.objectValue else { return nil }
        switch fields["kind"]?.stringValue {
        case "task" where fields["immutable"] == true, "map", "starmap":
            guard case .one(let signature)? = workflow(description) else { return nil }
            return .whatever(signature)
        case "task":
            let task = Partial<Input, JSONValue>(
                task: name(fields), arguments: arguments(fields), keywords: keywords(fields))
            return options(fields).flatMap { linked(.one(task.options($0)), fields) }
        case "chain":
            var parts = (fields["parts"]?.arrayValue ?? [])[...]
            guard ChainShape.isTheSame(parts), let first = parts.popFirst(), var whole = sequel(first, input) else {
                return nil
            }
            for part in parts {
                guard let next = then(whole, part) else { return nil }
                whole = next
            }
            return linked(whole, fields)
        case "group":
            guard let members = partials(fields["parts"], input), members.count > 1 else { return nil }
            return linked(.group(group(members)), fields)
        case "chord":
            guard let header = partials(fields["parts"], input), let body = fields["body"] else { return nil }
            return then(.group(group(header)), body).flatMap { linked($0, fields) }
        default: return nil
        }
    }

    private func partials<Input>(_ descriptions: JSONValue?, _ input: Input.Type) -> [Partial<Input, JSONValue>]? {
        all(descriptions) { if case .one(let partial)? = sequel($0, input) { partial } else { nil } }
    }

    private func then<Input>(_ first: Sequel<Input>, _ next: JSONValue) -> Sequel<Input>? {
        switch first {
        case .one(let first):
            switch sequel(next, JSONValue.self) {
            case .one(let next)?: .one(first.then(next))
            case .group(let next)?: .group(first.then(next))
            case .whatever(let next)?: .one(first.then(ignoringResult: next))
            case nil: nil
            }
        case .group(let first):
            switch sequel(next, [JSONValue].self) {
            case .one(let next)?: .one(first.then(next))
            case .group(let next)?: .group(first.then(next))
            case .whatever(let next)?: .one(first.then(ignoringResults: next))
            case nil: nil
            }
        case .whatever(let first):
            switch then(.one(first), next) {
            case .one(let whole)?: .whatever(whole)
            case .group?, nil: nil
            }
        }
    }

    // MARK: Links and stamps

    private func linked(_ workflow: Workflow, _ fields: JSONObject) -> Workflow? {
        let stamps = fields["stamps"]?.objectValue
        switch workflow {
        case .one(var signature):
            guard let callbacks = links(fields, "link", JSONValue.self),
                let errbacks = links(fields, "link_error", String.self)
            else { return nil }
            for callback in callbacks {
                switch callback {
                case .one(let partial): signature = signature.link(partial)
                case .whatever(let other): signature = signature.link(ignoringResult: other)
                case .group: return nil
                }
            }
            for errback in errbacks {
                switch errback {
                case .one(let partial): signature = signature.linkError(partial)
                case .whatever(let other): signature = signature.linkError(ignoringID: other)
                case .group: return nil
                }
            }
            return .one(stamps.map { signature.stamped($0) } ?? signature)
        case .group(var group):
            // A typed group stamps all its tasks, Celery's chord not those of its body.
            guard fields["link"] == nil, stamps == nil || fields["kind"] == "group",
                let errbacks = links(fields, "link_error", String.self)
            else { return nil }
            for errback in errbacks {
                switch errback {
                case .one(let partial): group = group.linkError(partial)
                case .whatever(let other): group = group.linkError(ignoringID: other)
                case .group: return nil
                }
            }
            return .group(stamps.map { group.stamped($0) } ?? group)
        }
    }

    private func linked<Input>(_ sequel: Sequel<Input>, _ fields: JSONObject) -> Sequel<Input>? {
        guard let callbacks = links(fields, "link", JSONValue.self),
            let errbacks = links(fields, "link_error", String.self)
        else { return nil }
        let isPlain = callbacks.isEmpty && errbacks.isEmpty && fields["stamps"] == nil
        guard case .one(var partial) = sequel else { return isPlain ? sequel : nil }
        for callback in callbacks {
            switch callback {
            case .one(let callback): partial = partial.link(callback)
            case .whatever(let callback): partial = partial.link(ignoringResult: callback)
            case .group: return nil
            }
        }
        for errback in errbacks {
            switch errback {
            case .one(let errback): partial = partial.linkError(errback)
            case .whatever(let errback): partial = partial.linkError(ignoringID: errback)
            case .group: return nil
            }
        }
        if let stamps = fields["stamps"]?.objectValue { partial = partial.stamped(stamps) }
        return .one(partial)
    }

    private func links<Input>(_ fields: JSONObject, _ key: String, _ input: Input.Type) -> [Sequel<Input>]? {
        all(fields[key]) { description in
            switch sequel(description, input) {
            case .one(let partial)?: .one(partial)
            case .whatever(let signature)?: .whatever(signature)
            case .group?, nil: nil
            }
        }
    }

    // MARK: Tasks

    private func name(_ fields: JSONObject) -> String { fields["name"]?.stringValue ?? "" }

    private func arguments(_ fields: JSONObject) -> [JSONValue] { fields["args"]?.arrayValue ?? [] }

    private func keywords(_ fields: JSONObject) -> JSONObject {
        var keywords = fields["kwargs"]?.objectValue ?? [:]
        keywords["note"] = [.string(run), fields["label"] ?? .null]
        return keywords
    }

    private func mapped(_ fields: JSONObject) -> Signature<JSONValue> {
        let label = fields["label"]?.integerValue ?? 0
        let items = (fields["items"]?.arrayValue ?? []).map { (run, "\(label):\($0.integerValue ?? 0)", $0) }
        if fields["kind"] == "starmap" {
            let spread = TaskDefinition(
                "canvas.spread", .init("key", as: String.self), .init("label", as: String.self),
                .init("value", as: JSONValue.self), returning: JSONValue.self)
            return spread.starmap(items).returning(JSONValue.self)
        }
        let item = TaskDefinition("canvas.item", .init("triple", as: [JSONValue].self), returning: JSONValue.self)
        return item.map(items.map { [.string($0), .string($1), $2] }).returning(JSONValue.self)
    }

    /// `nil` for one that is not known here.
    private func options(_ fields: JSONObject) -> SendOptions? {
        var options = SendOptions()
        for (name, value) in fields["options"]?.objectValue ?? [:] {
            let seconds = value.doubleValue.map(Duration.seconds)
            switch name {
            case "queue": options.queue = value.stringValue
            case "shadow": options.shadow = value.stringValue
            case "headers": options.headers = value.objectValue ?? [:]
            case "priority": options.priority = value.integerValue
            case "ignore_result": options.ignoreResult = value.boolValue
            case "time_limit": options.timeLimit = seconds
            case "soft_time_limit": options.softTimeLimit = seconds
            case "expires": options.expires = seconds.map(SendOptions.Time.after)
            case "countdown": options.eta = seconds.map(SendOptions.Time.after)
            default: return nil
            }
        }
        return options
    }
}
