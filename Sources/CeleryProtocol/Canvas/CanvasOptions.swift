// What stands in the options of signatures: it comes from outside, and anything may stand there.

extension CanvasNode {
    /// - Throws: ``MessageError`` that names an option which is not what it has to be when the signature is sent.
    func checkOptions() throws(MessageError) {
        for (key, value) in options {
            switch key {
            case "task_id", "root_id", "parent_id", "group_id", "reply_to": _ = try value.id(named: key)
            case "group_index", "replaced_task_nesting": _ = try options.integer(key)
            case "time_limit", "soft_time_limit": _ = try options.limit(key)
            case "link", "link_error": _ = try options.list(key)
            case "chain", "stamped_headers": _ = try options[key].array(key)
            case "chord", "headers": _ = try options[key].object(key)
            default: break
            }
        }
    }
}

extension JSONValue? {
    /// The array, or `nil` for nothing.
    func array(_ name: String) throws(MessageError) -> [JSONValue]? {
        switch self {
        case nil, .null?: nil
        case .array(let values)?: values
        case let value?: throw .invalid(name, value)
        }
    }

    /// The object, or `nil` for nothing.
    func object(_ name: String) throws(MessageError) -> JSONObject? {
        switch self {
        case nil, .null?: nil
        case .object(let object)?: object
        case let value?: throw .invalid(name, value)
        }
    }
}

extension JSONObject {
    func integer(_ key: String) throws(MessageError) -> Int? {
        switch self[key] {
        case nil, .null?: nil
        case .integer(let number)?: number
        case let value?: throw .invalid(key, value)
        }
    }

    /// A number of seconds as it is written, or null.
    func limit(_ key: String) throws(MessageError) -> JSONValue {
        guard let value = self[key] else { return .null }
        guard value.isNull || value.doubleValue != nil else { throw .invalid(key, value) }
        return value
    }

    /// One signature or several, as Celery's `maybe_list` takes them.
    func list(_ key: String) throws(MessageError) -> [JSONValue] {
        switch self[key] {
        case nil, .null?: []
        case .array(let values)?: values
        case .object(let object)?: [.object(object)]
        case let value?: throw .invalid(key, value)
        }
    }

    /// Adds what is missing in a list of signatures.
    mutating func add(_ value: JSONValue, toList key: String) throws(MessageError) {
        var values = try list(key)
        if !values.contains(value) { values.append(value) }
        self[key] = .array(values)
    }

    /// Sets every key of `other`.
    package mutating func update(_ other: JSONObject) {
        for (key, value) in other { self[key] = value }
    }

    /// The keys and values without some of them.
    func without(_ keys: Set<String>) -> JSONObject {
        var object = self
        object.removeAll { key, _ in keys.contains(key) }
        return object
    }

    /// Takes a value out.
    mutating func take(_ key: String) -> JSONValue? {
        guard let value = self[key] else { return nil }
        self[key] = nil
        return value
    }
}
