internal import CeleryProtocol
internal import CeleryTransport

extension RedisResultStore {
    func saveGroup(_ tree: ResultTree) async throws {
        var meta = JSONObject()
        meta["result"] = try tree.json
        // What is kept of a chord's header must last as long as the chord, and as results.
        var pipeline = RedisPipeline()
        pipeline.set(keys.group(tree.id), meta.serialized(), life: groupLife)
        try await withLink { [pipeline] link in _ = try await link.connection.call(pipeline) }
    }

    func group(_ id: String) async throws -> ResultTree? {
        try await withLink { link in
            try Self.tree(try await link.connection.call(RedisPipeline("GET", keys.group(id))))
        }
    }

    static func tree(_ reply: RESPValue) throws -> ResultTree? {
        try reply.bytes.map { bytes in
            guard let tuple = try JSONValue(stored: bytes).objectValue?["result"] else {
                throw MessageError(.undecodable, "what is kept of the group has no result")
            }
            return try ResultTree(tuple)
        }
    }

    func forgetGroup(_ id: String) async throws {
        try await withLink { link in _ = try await link.connection.call(RedisPipeline("DEL", keys.group(id))) }
    }
}
