/// Results within this process, for tests. Copies of the value are the same backend.
public struct MemoryResultBackend: ResultBackend {
    private let store = MemoryResultStore()

    /// Makes a backend of its own, with no results.
    public init() {}

    /// The end of a task will never be stored, for this reason: who waits for it, or will, is told.
    package func fail(_ id: String, _ error: TransportError) { store.fail(id, error) }

    /// `cache+memory://`, as Celery calls it.
    public var location: String { "cache+memory://" }

    /// The one store of this backend.
    public func makeResultStore(context: ResultStoreContext) throws -> any ResultStore { store }
}

extension ResultBackend where Self == MemoryResultBackend {
    /// A new result backend within this process.
    public static var memory: MemoryResultBackend { MemoryResultBackend() }
}
