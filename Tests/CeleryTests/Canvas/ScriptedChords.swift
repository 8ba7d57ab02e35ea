import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport

/// Results in memory, and a chord whose progress is told beforehand.
final class ScriptedChords: ResultBackend {
    private let memory = MemoryResultBackend()
    /// What comes of each try to count a part; of the last one over and over.
    private let progress: Locked<[Result<ChordProgress, any Error>]>
    private let results: ChordResults
    private let keepsClaim: Bool
    private let refusesBodies: Bool
    private let unheardExtensions: Int
    private let extended = Locked(0)
    /// What is done with the chord.
    let notes: Notes<String>
    /// For how long the claim is kept, each time.
    let extensions = Notes<Duration>()

    /// How often it was to be kept.
    var extensionCount: Int { extended.withLock { $0 } }

    static let claim = ChordClaim(group: "header", token: "token", isRepeated: false)
    static let repeatedClaim = ChordClaim(group: "header", token: "token", isRepeated: true)

    init(
        _ progress: [Result<ChordProgress, any Error>], results: ChordResults = .values([1, 2]),
        keepsClaim: Bool = true, refusesBodies: Bool = false, unheardExtensions: Int = 0, notes: Notes<String> = Notes()
    ) {
        self.progress = Locked(progress)
        self.results = results
        self.keepsClaim = keepsClaim
        self.refusesBodies = refusesBodies
        self.unheardExtensions = unheardExtensions
        self.notes = notes
    }

    var location: String { "scripted://" }

    func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        Store(store: try memory.makeResultStore(context: context), script: self)
    }

    private struct Store: ResultStore {
        let store: any ResultStore
        let script: ScriptedChords

        var joinsChords: Bool { true }

        func prepare() async throws { try await store.prepare() }

        func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
            await store.store(contentsOf: results)
        }

        func result(of id: String) async throws -> TaskResult? { try await store.result(of: id) }

        func watch(_ id: String, _ watcher: ResultWatcher) async throws { try await store.watch(id, watcher) }

        func forget(_ id: String) async throws { try await store.forget(id) }

        func close() async { await store.close() }

        func record(_ parts: [ChordPart]) async -> [Result<ChordProgress, any Error>] {
            parts.map { part in
                script.notes.add("recorded \(part.id) \(part.state)")
                return script.progress.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
            }
        }

        func chordResults(_ claim: ChordClaim) async throws -> ChordResults { script.results }

        func extend(_ claim: ChordClaim, for duration: Duration) async throws -> Bool {
            script.extensions.add(duration)
            let count = script.extended.withLock { extended in
                extended += 1
                return extended
            }
            if count <= script.unheardExtensions { throw TransportError(.unreachable, "nobody there") }
            return script.keepsClaim
        }

        func end(_ claim: ChordClaim) async throws -> Bool {
            script.notes.add("ended")
            return true
        }

        func begins(_ copy: ChordBodyCopy) async throws -> Bool {
            if script.refusesBodies { throw TransportError(.rejected, "the key has another type") }
            return try await store.begins(copy)
        }

        func fail(_ claim: ChordClaim) async throws { script.notes.add("failed") }
    }
}
