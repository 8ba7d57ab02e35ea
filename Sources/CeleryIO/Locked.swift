public import Synchronization

/// A `Mutex` that the thread sanitizer understands.
///
/// Under contention a `Mutex` is handed over inside the standard library, where the sanitizer does not look, so that it
/// reports races which are none. The load and the store here, one instruction each, show it the order.
///
/// Public, though nobody outside of the package can import this module: what is `package` is not inlined in other
/// modules, and a lock whose value's type is only known at run time takes several times as long.
public struct Locked<Value: ~Copyable>: ~Copyable, Sendable {
    @usableFromInline let mutex: Mutex<Value>
    @usableFromInline let handOver = Atomic<UInt8>(0)

    /// A lock around `value`.
    @inlinable
    public init(_ value: consuming sending Value) {
        mutex = Mutex(value)
    }

    /// Runs `body` on the value while nobody else can.
    @inlinable
    public borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        try mutex.withLock { value throws(Failure) in
            _ = handOver.load(ordering: .acquiring)
            defer { handOver.store(0, ordering: .releasing) }
            return try body(&value)
        }
    }
}
