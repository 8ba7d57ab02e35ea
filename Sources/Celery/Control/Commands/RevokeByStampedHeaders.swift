internal import CeleryProtocol

extension ControlCommand {
    /// `revoke_by_stamped_headers`: tasks are not to run that have one of these stamps, and with `terminate` not any longer.
    static let revokeByStampedHeaders = ControlCommand("revoke_by_stamped_headers") { state, arguments in
        guard let headers = arguments["headers"] else {
            throw ControlError.missing(["headers"], of: "revoke_by_stamped_headers")
        }
        let signal = try arguments.signal()
        let wanted: JSONObject
        switch headers {
        case .object(let object): wanted = object
        case .array(let pairs):
            var object: JSONObject = [:]
            for pair in pairs {
                let parts = pair.stringValue?.split(separator: "=", omittingEmptySubsequences: false) ?? []
                guard parts.count >= 2 else { throw ControlError("IndexError", "list index out of range") }
                object[String(parts[0])] = .string(String(parts[1]))
            }
            wanted = object
        default: throw ControlError("AttributeError", "headers must be an object, not \(PythonRepr.quoted(headers))")
        }
        state.revoked.add(stamps: wanted.map { ($0.key, $0.value.arrayValue ?? [$0.value]) })
        state.endRevoked()
        if arguments.flag("terminate") { return .ok(.string(state.terminate(wanted, signal: signal))) }
        return .ok(.string("headers \(PythonRepr.repr(of: .object(wanted))) flagged as revoked, but not terminated"))
    }
}

extension WorkerState {
    /// Ends the running tasks that have one of these stamps; what is to be said of it, in Python's words.
    fileprivate func terminate(_ stamps: JSONObject, signal: Int) -> String {
        var found: [(header: String, values: Set<JSONValue>)] = []
        for (header, value) in stamps {
            let wanted = Set(value.arrayValue ?? [value])
            var matching: Set<JSONValue> = []
            for entry in slots.active.all {
                guard let stamp = entry.task.request.stamps[header] else { continue }
                let matches = wanted.intersection(stamp.arrayValue ?? [stamp])
                if matches.isEmpty { continue }
                matching.formUnion(matches)
                slots.terminate(entry, signal: signal)
            }
            if !matching.isEmpty { found.append((header, matching)) }
        }
        if found.isEmpty { return "headers \(PythonRepr.repr(of: .object(stamps))) were not terminated" }
        let list = found.map { header, values in
            let texts = values.map { PythonRepr.repr(of: $0) }.sorted().joined(separator: ", ")
            return "\(PythonRepr.quoted(header)): {\(texts)}"
        }
        return "headers defaultdict(<class 'set'>, {\(list.joined(separator: ", "))}) revoked"
    }
}
