internal import CeleryProtocol

extension ControlCommand {
    /// `revoke_by_stamped_headers`: tasks are not to run that have one of these stamps.
    static let revokeByStampedHeaders = ControlCommand("revoke_by_stamped_headers") { state, arguments in
        guard let headers = arguments["headers"] else {
            throw ControlError.missing(["headers"], of: "revoke_by_stamped_headers")
        }
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
        return .ok(.string("headers \(PythonRepr.repr(of: .object(wanted))) flagged as revoked, but not terminated"))
    }
}
