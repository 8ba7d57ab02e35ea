/// What the body of a task message holds: the arguments, and what is to follow the task.
public struct TaskPayload: Sendable, Hashable {
    /// The positional arguments.
    public var args: [JSONValue]
    /// The keyword arguments.
    public var kwargs: JSONObject
    /// Signatures to send with the result after success (`link`).
    public var callbacks: [JSONValue]
    /// Signatures to send after a failure (`link_error`).
    public var errbacks: [JSONValue]
    /// The rest of the chain, last task first: the next one is the last element. `nil` outside of chains.
    public var chain: [JSONValue]?
    /// The chord's body, in each task of a chord's header.
    public var chord: JSONValue?

    /// Makes a payload of arguments that nothing follows.
    public init(args: [JSONValue] = [], kwargs: JSONObject = [:]) {
        self.args = args
        self.kwargs = kwargs
        callbacks = []
        errbacks = []
    }

    /// The body of a protocol 2 message: `[args, kwargs, {callbacks, errbacks, chain, chord}]` as JSON.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128)
        bytes.append(UInt8(ascii: "["))
        JSONValue.array(args).write(to: &bytes)
        bytes.append(contentsOf: ", ".utf8)
        kwargs.write(to: &bytes)
        if callbacks.isEmpty && errbacks.isEmpty && chain == nil && chord == nil {
            bytes.append(contentsOf: #", {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#.utf8)
            return bytes
        }
        let embed: JSONObject = [
            "callbacks": callbacks.isEmpty ? .null : .array(callbacks),
            "errbacks": errbacks.isEmpty ? .null : .array(errbacks),
            "chain": chain.map(JSONValue.array) ?? .null,
            "chord": chord ?? .null,
        ]
        bytes.append(contentsOf: ", ".utf8)
        embed.write(to: &bytes)
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }
}

extension TaskPayload {
    /// How many bytes a body may have unless told otherwise, decompressed if it was compressed: 64 MiB.
    public static let defaultMaximumBodySize = 64 << 20
    /// How many bytes of memory the values of a body may take unless told otherwise, besides the texts of strings and
    /// keys: 80 MiB. That is more than three million numbers, or a million arrays of one number each.
    public static let defaultMaximumBodyMemory = 80 << 20

    /// Decodes the body of a task message of protocol 2 or 1.
    ///
    /// - Parameters:
    ///   - message: the message as it came.
    ///   - maximumBodySize: how many bytes the body may have, decompressed if it was compressed.
    ///   - maximumBodyMemory: how many bytes of memory its values may take, besides the texts of strings and keys.
    /// - Throws: ``MessageError``: `undecodable`, also for a body that is too large, `contentTypeRefused`, or
    ///   `invalidTask` for a body of another shape.
    public init(
        _ message: Message, maximumBodySize: Int = defaultMaximumBodySize,
        maximumBodyMemory: Int = defaultMaximumBodyMemory
    ) throws(MessageError) {
        try self.init(message, BodyLimits(size: maximumBodySize, memory: maximumBodyMemory)) { _ in }
    }

    /// Decodes the body.
    ///
    /// - Parameter willRead: is told how many bytes the body has, before they are read.
    package init(
        _ message: Message, _ limits: BodyLimits, willRead: (_ size: Int) -> Void
    ) throws(MessageError) {
        let body = try message.decodedBody(limits, willRead: willRead)
        switch body {
        case .array(let parts):
            guard parts.count == 3 else {
                throw MessageError(.invalidTask, "the body has \(parts.count) elements instead of 3")
            }
            try self.init(args: parts[0], kwargs: parts[1], embed: parts[2].objectValue ?? [:])
        case .object(let fields):
            // Protocol 1, and the mixture of both that Celery's workers read as well. Only in protocol 1 may the
            // arguments be missing.
            guard fields["args"] != nil || message.headers["task"]?.text == nil else {
                throw MessageError(.invalidTask, "the body is an object without arguments")
            }
            try self.init(args: fields["args"] ?? [], kwargs: fields["kwargs"] ?? [:], embed: fields)
            chain = nil
        default:
            throw MessageError(.invalidTask, "the body is neither an array nor an object")
        }
    }

    private init(args: JSONValue, kwargs: JSONValue, embed: JSONObject) throws(MessageError) {
        guard case .array(let args) = args else {
            throw MessageError(.invalidTask, "the positional arguments are not an array")
        }
        guard case .object(let kwargs) = kwargs else {
            throw MessageError(.invalidTask, "the keyword arguments are not an object")
        }
        self.init(args: args, kwargs: kwargs)
        takeSequel(embed)
    }

    /// Reads what is to follow the task.
    mutating func takeSequel(_ embed: JSONObject) {
        for (key, value) in embed {
            switch key {
            // A chain's last task has an empty list, and that is passed on.
            case "chain" where value.isTruthy || value.arrayValue != nil: chain = Self.list(value)
            // For Celery anything empty is nothing.
            case _ where !value.isTruthy: break
            case "callbacks": callbacks = Self.list(value)
            case "errbacks": errbacks = Self.list(value)
            case "chord": chord = value
            default: break
            }
        }
    }

    private static func list(_ value: JSONValue) -> [JSONValue] { value.arrayValue ?? [value] }
}

extension Message {
    /// The body, decompressed and parsed. Only JSON is accepted, as in Celery's default `accept_content`.
    ///
    /// - Parameters:
    ///   - limits: how large it may be.
    ///   - willRead: is told how many bytes it has when it is decompressed, before they are read.
    func decodedBody(_ limits: BodyLimits, willRead: (_ size: Int) -> Void) throws(MessageError) -> JSONValue {
        let bytes = try decompressedBody(limits.size)
        willRead(bytes.count)
        guard contentType == "application/json" else {
            throw MessageError(
                .contentTypeRefused,
                """
                refusing to deserialize content of type \(contentType.map { PythonRepr.quoted($0) } ?? "none"): \
                only application/json is accepted
                """
            )
        }
        do {
            return try JSONValue(kombuJSON: bytes, memoryLimit: limits.memory)
        } catch let error as JSONError where error.isTooLarge {
            throw MessageError(.undecodable, "the body is too large: \(error)")
        } catch {
            throw MessageError(.undecodable, "the body is not valid JSON: \(error)")
        }
    }

    /// How many bytes the body may have at most when it is decompressed, as far as can be told without doing that.
    package var largestBodySize: Int {
        // A stream of zlib holds at most 1032 times as much as it has bytes.
        compression == nil ? body.count : 1032 &* body.count
    }

    /// Whether the body is an object, as far as its first byte tells.
    var beginsWithObject: Bool {
        guard let compression, Self.isZlib(compression) else { return Self.beginsWithObject(body) }
        return Self.beginsWithObject(Zlib.beginning(of: body))
    }

    private static func beginsWithObject(_ bytes: [UInt8]) -> Bool {
        bytes.first { !JSONBytes.isBlank($0) } == UInt8(ascii: "{")
    }

    /// The header that names a compression; as in Celery, an empty one is none.
    var compression: JSONValue? {
        guard let header = headers["compression"], header.isTruthy else { return nil }
        return header
    }

    private static func isZlib(_ compression: JSONValue) -> Bool {
        ["application/x-gzip", "gzip", "zlib"].contains(compression.text)
    }

    /// The body, decompressed if it was compressed.
    package func decompressedBody(_ maximumSize: Int) throws(MessageError) -> [UInt8] {
        guard let compression else {
            guard body.count <= maximumSize else {
                throw MessageError(
                    .undecodable, "the body has \(body.count) bytes: more than the \(maximumSize) that are allowed")
            }
            return body
        }
        switch compression {
        case _ where Self.isZlib(compression):
            do {
                return try Zlib.decompress(body, limit: maximumSize)
            } catch {
                throw MessageError(.undecodable, "the compressed body cannot be read: \(error)")
            }
        default:
            throw MessageError(.undecodable, "the compression \(PythonRepr.quoted(compression)) is not supported")
        }
    }
}
