internal import CeleryTransport

/// Commands that a worker or its results cannot do without. They are tried before the first task is taken: the server may
/// have renamed one, or not let this user run it, and who finds that out later never takes a task, or runs it in vain.
struct NeededCommands: Sendable {
    /// A worker's beside those that it begins with: each with the arguments behind the key. Tried on a hash, none of them
    /// changes anything, or could.
    static let ofWorker = NeededCommands([
        "RPOP 1", "LPUSH -", "RPUSH -", "HGET -", "HDEL -", "HMGET -", "ZADD 0 -", "ZREM -", "ZSCORE -", "ZMSCORE -",
        "TYPE",
    ])
    /// Those of results with such a life (0 for no end), tried on a key that does not exist.
    static func ofResults(expires: Int) -> NeededCommands {
        NeededCommands(["GET", expires == 0 ? "SET - XX" : "SETEX 0 -"])
    }
    /// Those of chords, tried on a key that does not exist, and does not in the end.
    static func ofChords(isOrdered: Bool) -> NeededCommands {
        let ofParts =
            isOrdered
            ? ["ZADD XX 0 -", "ZSCORE -", "ZCARD", "ZRANGE 0 -1"] : ["LLEN", "LRANGE 0 -1", "RPUSH -", "DEL"]
        return NeededCommands(
            ["GET", "SET - XX", "SISMEMBER -", "INCRBY -", "PTTL", "EXISTS", "HGET -"] + ofParts
                + ["SADD -", "EXPIRE 10", "DEL", "HSET - -", "EXPIRE 10", "DEL"])
    }

    private let commands: [String]

    private init(_ commands: [String]) { self.commands = commands }

    /// How many arguments the script has, see ``RedisScript/trial``.
    var count: Int { commands.count }

    /// Adds the script's key and arguments.
    func add(key: String, to pipeline: inout RedisPipeline) {
        pipeline.add(key)
        for command in commands { pipeline.add(command) }
    }

    /// Looks through what the script says.
    ///
    /// - Parameter caller: the command that has called the script.
    /// - Throws: why one of the commands cannot be run.
    func check(_ reply: RESPValue, of caller: String) throws(TransportError) {
        if let refusal = reply.refusal { throw TransportError(refusal: refusal, ofNeeded: caller) }
        let words = reply.array ?? []
        for position in stride(from: 0, to: words.count - 1, by: 2) {
            guard let command = words[position].text, let refusal = words[position + 1].text else { continue }
            // Anything else is what these arguments bring.
            guard
                RefusalKind(refusal).isPassing || RefusalKind.isOfCommand(refusal) || RefusalKind(refusal).isOfThisUser
            else { continue }
            throw TransportError(refusal: refusal, ofNeeded: command)
        }
    }
}

extension TransportError {
    /// What Redis says against a command without which nothing goes: `refused` when only other rights help.
    init(refusal message: String, ofNeeded command: String) {
        guard RefusalKind.isOfCommand(message) else {
            let error = TransportError(refusal: message, of: "Redis refuses \(command)")
            self.init(RefusalKind(message).isOfThisUser ? .refused : error.code, error.message)
            return
        }
        let right = command.lowercased().split(separator: " ").joined(separator: "|")
        // The server repeats the arguments of a command that it does not know.
        let words = message.split(separator: ", with args", maxSplits: 1).first ?? ""
        self.init(.refused, "Redis refuses \(command), which is needed (the user's right +\(right)): \(words)")
    }
}
