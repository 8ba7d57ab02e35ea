public import CeleryProtocol

/// What a store does that neither keeps groups nor joins chords.
extension ResultStore {
    /// `true`.
    public var keepsResults: Bool { true }

    /// `false`: the tasks of a header are not counted, `celery.chord_unlock` has to look after them.
    public var joinsChords: Bool { false }

    /// Does nothing: the parts are not counted.
    public func openChord(_ group: String, size: Int) async throws {}

    /// Throws: the parts are not counted.
    public func growChord(_ group: String, by count: Int) async throws {
        throw TransportError(.unsupported, "the result backend cannot add tasks to a chord that is under way")
    }

    /// Fails for each: the parts are not counted.
    public func record(_ parts: [ChordPart]) async -> [Result<ChordProgress, any Error>] {
        parts.map { _ in .failure(Self.joinsNone) }
    }

    /// Throws: the parts are not counted.
    public func chordResults(_ claim: ChordClaim) async throws -> ChordResults { throw Self.joinsNone }

    /// `false`: there are no claims.
    public func extend(_ claim: ChordClaim, for duration: Duration) async throws -> Bool { false }

    /// `false`: there are no claims.
    @discardableResult
    public func end(_ claim: ChordClaim) async throws -> Bool { false }

    /// `true`: nobody sends a body twice where there are no claims.
    public func begins(_ copy: ChordBodyCopy) async throws -> Bool { true }

    /// Does nothing: there are no claims.
    public func fail(_ claim: ChordClaim) async throws {}

    /// Throws: groups are not kept.
    public func saveGroup(_ tree: ResultTree) async throws { throw Self.keepsNoGroups }

    /// Throws: groups are not kept.
    public func group(_ id: String) async throws -> ResultTree? { throw Self.keepsNoGroups }

    /// Throws: groups are not kept.
    public func forgetGroup(_ id: String) async throws { throw Self.keepsNoGroups }

    private static var joinsNone: TransportError {
        TransportError(.unsupported, "the result backend does not join chords")
    }

    private static var keepsNoGroups: TransportError {
        TransportError(.unsupported, "the result backend does not keep groups")
    }
}
