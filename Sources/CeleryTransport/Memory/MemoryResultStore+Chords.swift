internal import CeleryIO
internal import CeleryProtocol

/// Groups and chords, as they are kept on Redis.
extension MemoryResultStore {
    private static let options = ChordOptions()

    func saveGroup(_ tree: ResultTree) async throws {
        // Through the wire format, so that what does not survive it shows in tests.
        let text = try tree.json.serialized()
        groups.withLock { $0[tree.id] = text }
    }

    func group(_ id: String) async throws -> ResultTree? {
        try groups.withLock { $0[id] }.map { try ResultTree(JSONValue(stored: $0)) }
    }

    func forgetGroup(_ id: String) async throws { groups.withLock { $0[id] = nil } }

    var joinsChords: Bool { true }

    func openChord(_ group: String, size: Int) async throws {
        chords.withLock { $0[group, default: MemoryChord()].open(size: size) }
    }

    func growChord(_ group: String, by count: Int) async throws {
        chords.withLock { $0[group, default: MemoryChord()].grow(by: count) }
    }

    func record(_ parts: [ChordPart]) async -> [Result<ChordProgress, any Error>] {
        chords.withLock { chords in
            parts.map { .success(chords[$0.group, default: MemoryChord()].record($0, Self.options, now: .now)) }
        }
    }

    func chordResults(_ claim: ChordClaim) async throws -> ChordResults {
        let parts = chords.withLock { $0[claim.group]?.members ?? [] }
        let members = try parts.map { try ChordMember(encoded: $0) }
        guard let tree = try await group(claim.group) else { return ChordResults(members) }
        return try await ChordResults(members, along: tree, in: self, waitingFor: Self.options.joinTimeout)
    }

    func extend(_ claim: ChordClaim, for duration: Duration) async throws -> Bool {
        let now = ContinuousClock.now
        return chords.withLock { $0[claim.group]?.extend(claim, until: now + duration, now: now) ?? false }
    }

    func end(_ claim: ChordClaim) async throws -> Bool {
        chords.withLock { $0[claim.group]?.end(claim, now: .now) ?? false }
    }

    func begins(_ copy: ChordBodyCopy) async throws -> Bool {
        chords.withLock { $0[copy.group, default: MemoryChord()].begins(copy) }
    }

    func fail(_ claim: ChordClaim) async throws {
        chords.withLock { $0[claim.group]?.fail() }
    }
}
