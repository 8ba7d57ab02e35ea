package import CeleryProtocol
internal import CeleryTransport

/// Leaves values out of captured messages, by their paths: `args.0`, `kwargs.card.number`, `args.*.password`,
/// `headers.traceparent`. `*` stands for every element of an array and for every key; `-1` for the last element of an array.
///
/// A value becomes one of the same JSON type: `"[redacted]"`, `0`, `false`; arrays and objects keep their form, and each value
/// in them becomes such a one. A path of arguments holds for those of the task and of every signature in its message: the
/// rest of a chain, callbacks, a chord. With any such path the texts `argsrepr` and `kwargsrepr`, which repeat the arguments,
/// are redacted too, and a body that cannot be read goes as a whole. A compressed body is written without compression.
public struct FixtureRedaction: Sendable {
    /// Why a path makes no sense.
    public struct PathError: Error, Sendable, CustomStringConvertible {
        /// One line that says what it must look like.
        public let description: String
    }

    static let text = "[redacted]"

    /// The paths as they were given.
    package let paths: [String]
    private let arguments: [RedactionPath]
    private let headers: [RedactionPath]

    /// Takes the paths.
    ///
    /// - Throws: ``PathError`` for one that does not begin with `args`, `kwargs` or `headers.` and a name.
    public init(_ paths: [String]) throws(PathError) {
        var (arguments, headers): ([RedactionPath], [RedactionPath]) = ([], [])
        for path in paths {
            let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            switch parts.first {
            case _ where parts.contains(""): throw Self.invalid(path)
            case "args", "kwargs": arguments.append(RedactionPath(parts, path))
            case "headers" where parts.count > 1: headers.append(RedactionPath(Array(parts.dropFirst()), path))
            default: throw Self.invalid(path)
            }
        }
        (self.arguments, self.headers, self.paths) = (arguments, headers, paths)
    }

    private static func invalid(_ path: String) -> PathError {
        PathError(
            description: """
                '\(path)' is no path to redact: they look like args.0, kwargs.card.number or headers.traceparent
                """)
    }

    /// The members of a case without these values.
    ///
    /// - Parameter tally: is told what was found.
    package func apply(to details: JSONObject, _ tally: inout RedactionTally) -> JSONObject {
        if arguments.isEmpty, headers.isEmpty { return details }
        var details = details
        tally.begin()
        if let raw = details.bytes("raw") {
            details.setBytes(envelope(raw, &tally), "raw")
        } else if let body = details.bytes("body") {
            var typed = redact(headers: details["headers"]?.objectValue ?? [:], isTyped: true, &tally)
            if let redacted = self.body(of: Message(fixture: details, body: body), &tally) {
                details.setBytes(redacted, "body")
                typed["compression"] = nil
            }
            details["headers"] = .object(typed)
            details["content_base64"] = nil
        }
        return details
    }

    // MARK: Parts of a message

    private func envelope(_ raw: [UInt8], _ tally: inout RedactionTally) -> [UInt8] {
        let read: (JSONObject, Message)?
        do {
            read = try JSONValue(json: raw).objectValue.map { ($0, try KombuEnvelope.decode(raw)) }
        } catch {
            read = nil
        }
        // What cannot be looked into may hold anything.
        guard case (var envelope, let message)? = read else {
            tally.noteUnreadable()
            return Array(Self.text.utf8)
        }
        if let headers = envelope["headers"]?.objectValue {
            envelope["headers"] = .object(redact(headers: headers, isTyped: false, &tally))
        }
        if let body = body(of: message, &tally) {
            envelope["body"] = .string(String(decoding: Base64.encode(body), as: UTF8.self))
            var (headers, properties) = (envelope["headers"]?.objectValue, envelope["properties"]?.objectValue ?? [:])
            headers?["compression"] = nil
            properties["body_encoding"] = "base64"
            envelope["headers"] = headers.map(JSONValue.object)
            envelope["properties"] = .object(properties)
        }
        return envelope.serialized()
    }

    private func redact(headers written: JSONObject, isTyped: Bool, _ tally: inout RedactionTally) -> JSONObject {
        var table: JSONValue = .object(written)
        for path in headers { table = path.redact(table, isTyped: isTyped, &tally) }
        var headers = table.objectValue ?? written
        if !arguments.isEmpty {
            for name in ["argsrepr", "kwargsrepr"] {
                headers[name] = headers[name].map(isTyped ? AMQPField.redacted : RedactionPath.redacted)
            }
        }
        return headers
    }

    /// The body without the arguments, and not compressed any more; `nil` when it may stay as it is.
    private func body(of message: Message, _ tally: inout RedactionTally) -> [UInt8]? {
        func unreadable() -> [UInt8]? {
            // What cannot be looked into may hold any argument.
            if arguments.isEmpty { return nil }
            tally.noteUnreadable()
            return Array(Self.text.utf8)
        }
        guard message.contentType == "application/json" else { return unreadable() }
        let body: JSONValue
        do {
            body = try JSONValue(json: message.decompressedBody(TaskPayload.defaultMaximumBodySize))
        } catch {
            return unreadable()
        }
        let redacted: JSONValue
        switch body {
        case .array(let parts) where parts.count == 3:
            let call = signatures(in: ["args": parts[0], "kwargs": parts[1]], isOne: true, &tally).objectValue ?? [:]
            redacted = [call["args"] ?? [], call["kwargs"] ?? [:], signatures(in: parts[2], isOne: false, &tally)]
        case .object: redacted = signatures(in: body, isOne: true, &tally)
        default: return unreadable()
        }
        return arguments.isEmpty && redacted == body ? nil : redacted.serialized()
    }

    /// Redacts every signature in a value.
    ///
    /// - Parameter isOne: whether the value itself has arguments, though it may name no task.
    private func signatures(in value: JSONValue, isOne: Bool, _ tally: inout RedactionTally) -> JSONValue {
        switch value {
        case .array(let values): return .array(values.map { signatures(in: $0, isOne: false, &tally) })
        case .object(let object):
            var redacted = value
            if isOne || object["task"] != nil && (object["args"] != nil || object["kwargs"] != nil) {
                for path in arguments { redacted = path.redact(redacted, isTyped: false, &tally) }
            }
            var members = JSONObject()
            for (key, member) in redacted.objectValue ?? object {
                let inner = signatures(in: member, isOne: false, &tally)
                switch key {
                case "argsrepr" where !arguments.isEmpty, "kwargsrepr" where !arguments.isEmpty:
                    members[key] = RedactionPath.redacted(member)
                case "headers":
                    members[key] =
                        inner.objectValue.map { .object(redact(headers: $0, isTyped: false, &tally)) } ?? inner
                default: members[key] = inner
                }
            }
            return .object(members)
        default: return value
        }
    }
}

extension Fixture {
    /// This message without some of its values.
    public func redacted(_ redaction: FixtureRedaction) -> Fixture {
        var tally = RedactionTally()
        // What was one stays one.
        return Fixture(redaction.apply(to: details, &tally)) ?? self
    }
}
