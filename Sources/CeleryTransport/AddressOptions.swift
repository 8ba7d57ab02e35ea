internal import CeleryProtocol

/// The options of an address, or those of Celery's setting `broker_transport_options`. Each is taken or refused by name,
/// so that nothing is ignored.
package struct AddressOptions: Sendable {
    private var values: [String: String]
    /// What errors begin with: an address without its password.
    private let location: String

    package init(_ values: [String: String], of location: String) {
        self.values = values
        self.location = location
    }

    /// As long as any option may ask for.
    package static let longest = Duration.seconds(4_294_967_295)

    /// The value of an option; `nil` when it is not there, or empty, which is the same in Python.
    package mutating func take(_ name: String) -> String? {
        values.removeValue(forKey: name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The time that an option holds as a number of seconds: greater than zero, or zero where that is allowed.
    package mutating func takeDuration(
        _ name: String, allowingZero: Bool = false, upTo maximum: Duration = AddressOptions.longest
    ) throws(TransportError) -> Duration? {
        guard let text = take(name) else { return nil }
        guard let duration = Double(text).flatMap(Duration.init(seconds:)), duration <= maximum,
            duration > .zero || (allowingZero && duration == .zero)
        else {
            let least = allowingZero ? "from 0 to" : "greater than 0 and not above"
            throw refusal(name, "must be a number of seconds \(least) \(maximum.components.seconds)")
        }
        return duration
    }

    /// Takes an option that has one value here; every other one is refused.
    ///
    /// - Parameter value: a text, or `true` or `false`, which Python's truth values are compared with.
    package mutating func expect(_ name: String, _ value: String) throws(TransportError) {
        guard let text = take(name) else { return }
        let isExpected =
            switch value {
            case "true": ["1", "t", "true", "y", "yes"].contains(text.lowercased())
            case "false": ["0", "f", "false", "n", "no", "none"].contains(text.lowercased())
            default: text == value
            }
        guard isExpected else { throw refusal(name, "is supported as \(value) only") }
    }

    /// Refuses what has not been taken.
    ///
    /// - Parameters:
    ///   - known: what kombu, Celery or their libraries know.
    ///   - owner: whose options they are.
    package func refuseRest(known: Set<String>, of owner: OptionOwner) throws(TransportError) {
        func isTLS(_ name: String) -> Bool { name == "ssl" || name.hasPrefix("ssl_") }
        // One without a value is the same as none, if it is one.
        let rest = values.filter { name, value in
            !value.isEmpty || !(known.contains(name) || isTLS(name) || owner.refusal(of: name) != nil)
        }
        guard let name = rest.keys.min() else { return }
        if isTLS(name) {
            throw TransportError(.unsupported, "\(location): \(name) asks for TLS, which is not supported yet")
        }
        if let reason = owner.refusal(of: name) { throw refusal(name, reason) }
        guard known.contains(name) else {
            // What is no name may be a part of a password.
            let isName = name.utf8.count <= 64 && name.utf8.allSatisfy { $0.isNameCharacter }
            throw refusal(isName ? name : "one", "is not known here nor in Python")
        }
        throw TransportError(.unsupported, "\(location): the option \(name) is not supported")
    }

    /// An error that names an option, never its value.
    package func refusal(_ name: String, _ reason: String) -> TransportError {
        TransportError(.invalidConfiguration, "\(location): the option \(name) \(reason)")
    }
}

extension UInt8 {
    fileprivate var isNameCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
