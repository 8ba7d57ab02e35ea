/// Elements of containers that are being read: a container's elements are on top, and move into an array of just the
/// right size when it ends. An array that grows as it is read takes up to twice as much, and several allocations.
///
/// Plain memory that belongs to whoever makes a ``JSONReader``: the reader, which is passed on by the million, has
/// nothing to retain.
struct MoveStack<Element> {
    private var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count = 0

    /// An empty stack. Whoever makes it ends it with ``destroy()``.
    init() {
        capacity = 32
        base = .allocate(capacity: capacity)
    }

    /// Ends the stack and what is on it.
    func destroy() {
        base.deinitialize(count: count)
        base.deallocate()
    }

    @inline(__always) mutating func push(_ element: consuming Element) {
        if count == capacity { grow() }
        (base + count).initialize(to: element)
        count &+= 1
    }

    @inline(never) private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }

    /// Takes off all elements from `start` on.
    mutating func popArray(from start: Int) -> [Element] {
        let (first, taken) = (base + start, count - start)
        count = start
        return Array(unsafeUninitializedCapacity: taken) { buffer, initialized in
            buffer.baseAddress?.moveInitialize(from: first, count: taken)
            initialized = taken
        }
    }

    /// The elements from `start` on, until the next change.
    func elements(from start: Int) -> UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: base + start, count: count - start)
    }
}
