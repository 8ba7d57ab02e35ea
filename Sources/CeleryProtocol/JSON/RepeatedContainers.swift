#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// Small containers that were read of a large document, so that those that come again are kept once.
///
/// A container of one element takes ten times as much memory as text, and a few kilobytes can inflate to millions of
/// them. What makes them inflate is that they are alike. Containers end themselves: where the same bytes stand again, the
/// same value stands, and its storage is shared until somebody changes it.
///
/// Plain memory that belongs to whoever makes a ``JSONReader``, as ``MoveStack`` is.
struct RepeatedContainers {
    /// A smaller document takes little memory in any case, and is read without a look at this.
    static let smallestDocument = 1 << 20
    /// Of a larger container the text is the greater part, and comparing many of them would take time.
    private static let largest = 1024
    private static let placesBits: UInt64 = 12

    private struct Entry {
        /// Where it stands first, and its length.
        var start = 0
        var length = 0
        /// How deep that is. Deeper down it could go beyond the bound.
        var depth = 0
        var value = JSONValue.null
    }

    private static let places = 1 << Int(placesBits)

    private let entries: UnsafeMutablePointer<Entry>

    /// Remembers nothing yet. Whoever makes it ends it with ``destroy()``.
    init() {
        entries = .allocate(capacity: Self.places)
        entries.initialize(repeating: Entry(), count: Self.places)
    }

    /// Forgets everything.
    func destroy() {
        entries.deinitialize(count: Self.places)
        entries.deallocate()
    }

    /// The value and length of the container at `position`, if it is remembered.
    func find(at position: Int, in bytes: UnsafeRawBufferPointer, depth: Int) -> (value: JSONValue, length: Int)? {
        guard let base = bytes.baseAddress, let place = Self.place(of: position, in: bytes) else { return nil }
        let (start, length) = (entries[place].start, entries[place].length)
        guard length > 0, length <= bytes.count - position, depth <= entries[place].depth,
            memcmp(base + start, base + position, length) == 0
        else { return nil }
        return (entries[place].value, length)
    }

    /// Remembers what was read of a container.
    func note(_ value: JSONValue, at range: Range<Int>, in bytes: UnsafeRawBufferPointer, depth: Int) {
        // Two brackets take no memory.
        guard range.count > 2, range.count <= Self.largest,
            let place = Self.place(of: range.lowerBound, in: bytes)
        else { return }
        entries[place] = Entry(start: range.lowerBound, length: range.count, depth: depth, value: value)
    }

    /// The place by the first sixteen bytes, as far as they belong to the container for certain.
    private static func place(of position: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard position <= bytes.count - 16 else { return nil }
        let first = beginning(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        var hash = first.word &* 0x9E37_79B9_7F4A_7C15
        if !first.hasEnd {
            let second = beginning(bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self))
            hash = (hash ^ hash >> 29 ^ second.word) &* 0xBF58_476D_1CE4_E5B9
        }
        return Int(truncatingIfNeeded: hash >> (64 - placesBits))
    }

    /// The bytes of a word up to the first closing bracket, in their order in memory.
    private static func beginning(_ word: UInt64) -> (word: UInt64, hasEnd: Bool) {
        let word = UInt64(littleEndian: word)
        // `]` and `}` differ in one bit only. The lowest zero byte is found for certain, and that is the first.
        let brackets = (word | 0x2020_2020_2020_2020) ^ 0x7D7D_7D7D_7D7D_7D7D
        let found = (brackets &- 0x0101_0101_0101_0101) & ~brackets & 0x8080_8080_8080_8080
        guard found != 0 else { return (word, false) }
        return (word & (found ^ (found &- 1)), true)
    }
}
