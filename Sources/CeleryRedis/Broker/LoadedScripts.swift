internal import CeleryTransport

/// The digests of the scripts that a server has. They never change: they stand for the scripts' texts.
struct LoadedScripts: Sendable {
    private static let largestNumberOfTries = 4

    private let digests: [String]

    /// Sends all scripts to the server.
    ///
    /// - Throws: ``TransportError``, `unavailable` when the server takes none for a while, `refused` when it
    ///   takes none from this user.
    init(on connection: RedisConnection) async throws {
        var pipeline = RedisPipeline()
        for script in RedisScript.allCases { pipeline.append("SCRIPT", "LOAD", script.source) }
        let replies = try await connection.send(pipeline)
        digests = replies.compactMap(\.text)
        guard digests.count == RedisScript.allCases.count else {
            if let refusal = replies.lazy.compactMap(\.refusal).first {
                throw TransportError(refusal: refusal, ofNeeded: "SCRIPT LOAD")
            }
            throw TransportError(.rejected, "Redis answers a script with something else than its digest")
        }
    }

    subscript(script: RedisScript) -> String { digests[script.rawValue] }

    /// Sends calls of scripts and returns all replies. A server that has lost the scripts, by SCRIPT FLUSH or because
    /// it is a new one, gets them again.
    ///
    /// - Throws: ``TransportError``, `unavailable` when the server forgets them again and again.
    static func send(_ pipeline: RedisPipeline, on connection: RedisConnection) async throws -> [RESPValue] {
        for _ in 0..<largestNumberOfTries {
            let replies = try await connection.send(pipeline)
            guard replies.contains(where: isForgotten) else { return replies }
            _ = try await LoadedScripts(on: connection)
        }
        throw TransportError(.unavailable, "Redis forgets its scripts at once")
    }

    /// Whether the server says that it does not have the script.
    static func isForgotten(_ reply: RESPValue) -> Bool {
        reply.refusal.map { RefusalKind($0) == "NOSCRIPT" } ?? false
    }
}

extension RedisPipeline {
    /// Starts the call of the script with this digest; so many keys and arguments are to be added.
    mutating func begin(script digest: String, keys: Int, arguments: Int) {
        begin(3 + keys + arguments)
        add("EVALSHA")
        add(digest)
        add(String(keys))
    }

    /// Starts the call of a script by its text, for one that is seldom called: there is no digest that the server
    /// could have forgotten.
    mutating func begin(_ script: RedisScript, keys: Int, arguments: Int) {
        begin(3 + keys + arguments)
        add("EVAL")
        add(script.source)
        add(String(keys))
    }
}
