internal import CeleryProtocol
internal import CeleryTransport

/// Chords, by Celery 5.7's keys and rules: workers of 5.7 and before take part in the same chords.
extension RedisResultStore {
    var joinsChords: Bool { true }

    /// How long what is known of a chord is kept, in seconds; 0 for no end.
    private var chordLife: Int { chords.expires.map(RedisResultBackend.seconds) ?? expires }

    /// How long a saved group is kept, in seconds; 0 for no end.
    var groupLife: Int { chordLife == 0 || expires == 0 ? 0 : max(chordLife, expires) }

    func openChord(_ group: String, size: Int) async throws {
        var pipeline = RedisPipeline("DEL", keys.chord(group, .claim))
        pipeline.set(keys.chord(group, .size), Array(String(size).utf8), life: chordLife)
        try await withLink { [pipeline] link in _ = try await link.connection.call(pipeline) }
    }

    func growChord(_ group: String, by count: Int) async throws {
        try await withLink { link in
            _ = try await link.connection.call(RedisPipeline("INCRBY", keys.chord(group, .growth), String(count)))
        }
    }

    func fail(_ claim: ChordClaim) async throws {
        try await withLink { link in
            _ = try await link.connection.call(RedisPipeline("DEL", keys.chord(claim.group, .size)))
        }
    }

    // MARK: Parts

    func record(_ parts: [ChordPart]) async -> [Result<ChordProgress, any Error>] {
        let byGroup = Dictionary(grouping: parts.indices) { parts[$0].group }
        let calls = byGroup.map { group, positions in
            (group: group, positions: positions, token: RandomID.make())
        }
        var progress = [Result<ChordProgress, any Error>](repeating: .success(.waiting), count: parts.count)
        do {
            let replies = try await withLink { link in
                var pipeline = RedisPipeline()
                for call in calls {
                    add(call.positions.map { parts[$0] }, of: call.group, token: call.token, link, to: &pipeline)
                }
                return try await LoadedScripts.send(pipeline, on: link.connection)
            }
            for (call, reply) in zip(calls, replies) {
                let outcome = Self.progress(reply, of: call.group, token: call.token)
                for position in call.positions { progress[position] = outcome }
                // One of them is enough to see to the body.
                if case .success(.complete) = outcome {
                    for position in call.positions.dropLast() { progress[position] = .success(.waiting) }
                }
            }
        } catch {
            // It is not known which of them are counted; counting one again does no harm.
            for position in parts.indices { progress[position] = .failure(error) }
        }
        return progress
    }

    private func add(
        _ parts: [ChordPart], of group: String, token: String, _ link: Link, to pipeline: inout RedisPipeline
    ) {
        pipeline.begin(script: link.scripts[.recordParts], keys: 7, arguments: 5 + 3 * parts.count)
        for part in [ChordKey.parts, .growth, .size, .counted] { pipeline.add(keys.chord(group, part)) }
        pipeline.add(keys.group(group))
        pipeline.add(keys.chord(group, .claim))
        pipeline.add(keys.chord(group, .begun))
        pipeline.add(chords.isOrdered ? "1" : "0")
        pipeline.add(String(chordLife))
        pipeline.add(String(groupLife))
        pipeline.add(String(chords.claimSeconds))
        pipeline.add(token)
        for part in parts {
            pipeline.add(part.id)
            pipeline.add(part.index.map { String($0) } ?? "+inf")
            pipeline.add(part.encoded())
        }
    }

    private static func progress(
        _ reply: RESPValue, of group: String, token: String
    ) -> Result<ChordProgress, any Error> {
        if let refusal = reply.refusal {
            return .failure(TransportError(refusal: refusal, of: "Redis refuses a part of the chord \(group)"))
        }
        switch (reply.array?.first?.integer, reply.array?.last?.integer) {
        case (-1, _): return .success(.alreadyEnded)
        case (0, _): return .success(.waiting)
        case (1, let isRepeated):
            return .success(.complete(ChordClaim(group: group, token: token, isRepeated: isRepeated == 1)))
        case (2, let remaining?): return .success(.claimed(remaining: .milliseconds(max(0, remaining))))
        default:
            return .failure(TransportError(.rejected, "Redis answers a part of the chord \(group) with something else"))
        }
    }

    // MARK: Claims

    func chordResults(_ claim: ChordClaim) async throws -> ChordResults {
        let replies = try await withLink { link in
            var pipeline = RedisPipeline("GET", keys.group(claim.group))
            pipeline.append(chords.isOrdered ? "ZRANGE" : "LRANGE", keys.chord(claim.group, .parts), "0", "-1")
            let replies = try await link.connection.send(pipeline)
            _ = try replies.value()
            return replies
        }
        var members: [ChordMember] = []
        members.reserveCapacity(replies[1].array?.count ?? 0)
        for part in replies[1].array ?? [] { members.append(try ChordMember(encoded: part.bytes ?? [])) }
        guard let tree = try Self.tree(replies[0]) else { return ChordResults(members) }
        return try await ChordResults(members, along: tree, in: self, waitingFor: chords.joinTimeout)
    }

    func extend(_ claim: ChordClaim, for duration: Duration) async throws -> Bool {
        let reply = try await withLink { link in
            var pipeline = RedisPipeline()
            pipeline.begin(script: link.scripts[.extendClaim], keys: 2, arguments: 2)
            pipeline.add(keys.chord(claim.group, .claim))
            pipeline.add(keys.chord(claim.group, .size))
            pipeline.add(claim.token)
            pipeline.add(String(max(1, Int(clamping: duration.components.seconds))))
            return try await LoadedScripts.send(pipeline, on: link.connection).value()
        }
        return reply.integer == 1
    }

    @discardableResult
    func end(_ claim: ChordClaim) async throws -> Bool {
        let reply = try await withLink { link in
            var pipeline = RedisPipeline()
            pipeline.begin(script: link.scripts[.endChord], keys: 5, arguments: 2)
            for part in [ChordKey.claim, .parts, .growth, .size, .counted] {
                pipeline.add(keys.chord(claim.group, part))
            }
            pipeline.add(claim.token)
            pipeline.add(String(chords.endSeconds))
            return try await LoadedScripts.send(pipeline, on: link.connection).value()
        }
        return reply.integer == 1
    }

    func begins(_ copy: ChordBodyCopy) async throws -> Bool {
        let reply = try await withLink { link in
            var pipeline = RedisPipeline()
            pipeline.begin(script: link.scripts[.beginBody], keys: 1, arguments: 3)
            pipeline.add(keys.chord(copy.group, .begun))
            pipeline.add(String(copy.place))
            pipeline.add(copy.token)
            // A copy may lie in its queue for as long; not for ever, even where chords are kept so.
            pipeline.add(String(chordLife == 0 ? 86_400 : chordLife))
            return try await LoadedScripts.send(pipeline, on: link.connection).value()
        }
        return reply.integer == 1
    }
}
