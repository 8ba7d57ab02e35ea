// What stands in signatures that are not read as such, because others are to hear of them when they make no sense.

extension JSONObject {
    /// The tasks of a signature that is a group; `nil` of any other.
    package var tasksOfGroup: [JSONValue]? {
        guard self["subtask_type"]?.text == "group" else { return nil }
        return self["kwargs"]?.objectValue?["tasks"]?.arrayValue ?? []
    }

    /// The errbacks that are told when the task whose result is that of this signature will never run: of a chord its own
    /// and those of its body, of a group also those of its tasks.
    package var errbacksOfResult: [JSONValue] {
        var errbacks: [JSONValue] = []
        var left = [self]
        while let signature = left.popLast() {
            errbacks += signature["options"]?.objectValue?.signatures("link_error") ?? []
            if let body = signature["kwargs"]?.objectValue?["body"]?.objectValue,
                signature["subtask_type"]?.text == "chord"
            {
                left.append(body)
            }
            left += (signature.tasksOfGroup ?? []).reversed().compactMap(\.objectValue)
        }
        return errbacks
    }

    /// What stands under an option that holds one signature or several, whatever it is.
    package func signatures(_ option: String) -> [JSONValue] {
        switch self[option] {
        case nil, .null?: []
        case .array(let values)?: values
        case let value?: [value]
        }
    }
}
