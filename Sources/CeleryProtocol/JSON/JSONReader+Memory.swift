/// What values take is counted while they are read, so that a document stops being read before it has taken too much.
extension JSONReader {
    /// A block of memory for a container or a long string: what Swift and the C library add to its contents.
    static let blockSize = 48
    /// An element of an array.
    static let elementSize = MemoryLayout<JSONValue>.stride
    /// A key and its value.
    static let memberSize = MemoryLayout<(key: String, value: JSONValue)>.stride
    /// The same where there are many, with its places in the index.
    static let longMemberSize = memberSize + 12
    /// A string of no more bytes takes no block.
    static let longestInline = 15

    /// Counts memory that is about to be taken.
    @inline(__always) mutating func charge(_ size: Int) throws(JSONError) {
        memoryLeft &-= size
        if memoryLeft < 0 { throw tooMuch() }
    }

    /// A container with more values may get room for all that are to come.
    private static let veryLong = 32_768
    /// So much room is given beforehand in one document; what is never touched takes no memory.
    static let mostRoom = 128 << 20

    /// For how many more values there is to be room in a full container, if they are like those before; none if that is
    /// not foreseen. A container that grows is there twice for a moment, and that counts when it is a large one.
    ///
    /// - Parameters:
    ///   - count: how many values were read since the position `beginning`.
    ///   - size: what each of them takes.
    mutating func room(after count: Int, since beginning: Int, size: Int) -> Int {
        guard count >= Self.veryLong else { return 0 }
        let expected = (bytes.count - position) / max(1, (position - beginning) / count) + 1
        let more = min(expected, roomLeft / size, memoryLeft / size + 1)
        roomLeft -= more * size
        return more
    }

    @inline(never) private func tooMuch() -> JSONError { JSONError(memoryLimit: memoryLimit, offset: position) }
}
