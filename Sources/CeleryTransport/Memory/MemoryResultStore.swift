internal import CeleryIO
internal import CeleryProtocol

/// Results within this process, as a backend writes them.
final class MemoryResultStore: ResultStore {
    private let results = Locked<[String: [UInt8]]>([:])
    /// Why tasks will never end.
    private let obstacles = Locked<[String: TransportError]>([:])
    private let hub = UpdateHub()
    let groups = Locked<[String: [UInt8]]>([:])
    let chords = Locked<[String: MemoryChord]>([:])

    func prepare() async throws {}

    func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
        var failures: [Int: any Error] = [:]
        for (position, stored) in results.enumerated() {
            do { try store(stored) } catch { failures[position] = error }
        }
        return failures
    }

    private func store(_ stored: StoredResult) throws {
        // Through the wire format, so that what does not survive it shows in tests.
        let encoded = stored.result.encoded()
        let isStored = try results.withLock { results in
            if let old = results[stored.result.id], try TaskResult(encoded: old).state == .success { return false }
            results[stored.result.id] = encoded
            return true
        }
        if isStored { hub.pass(.success(try TaskResult(encoded: encoded)), id: stored.result.id) }
    }

    func result(of id: String) async throws -> TaskResult? {
        try stored(id)
    }

    private func stored(_ id: String) throws -> TaskResult? {
        try results.withLock { $0[id] }.map { bytes in try TaskResult(encoded: bytes) }
    }

    func watch(_ id: String, _ watcher: ResultWatcher) async throws {
        try hub.add(watcher, id: id) {
            if let obstacle = obstacles.withLock({ $0[id] }) { throw obstacle }
            return try stored(id)
        }
    }

    func fail(_ id: String, _ error: TransportError) {
        obstacles.withLock { $0[id] = error }
        hub.fail(error, id: id)
    }

    func forget(_ id: String) async throws {
        results.withLock { $0[id] = nil }
    }

    func close() async {}
}
