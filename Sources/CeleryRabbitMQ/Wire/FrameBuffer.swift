/// One frame: its payload is a part of the ``FrameBuffer`` it came from.
struct Frame {
    let type: UInt8
    let channel: UInt16
    var payload: WireReader
}

/// Bytes from the server, cut into frames.
struct FrameBuffer {
    /// Room for a read when nothing is left over from the last one.
    private static let readSize = 128 * 1024
    private static let headerSize = 7

    /// Larger frames than were agreed on are taken up to this size. RabbitMQ sends such headers, because it does not cut
    /// what it has added to (`x-death`), nor what clients with other limits have published.
    static let largestFrame = 16 << 20
    /// What is kept of a header that is larger still: up to the size of the body that follows.
    private static let keptOfHeader = 12

    private let largestFrame: Int
    private var storage: [UInt8]
    private var start = 0
    private var end = 0
    /// So many bytes of a header are left out.
    private var skipped = 0

    /// - Parameter largestFrame: the size of the largest frame that is taken as a whole.
    init(largestFrame: Int = Self.largestFrame) {
        self.largestFrame = largestFrame
        storage = Array(repeating: 0, count: Self.readSize)
    }

    /// Lends free space to `read`, which says how many bytes it put there.
    mutating func fill<Failure: Error>(
        _ read: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        makeRoom()
        let range = end..<storage.count
        var outcome: Result<Int, Failure> = .success(0)
        storage.withUnsafeMutableBytes { bytes in
            outcome = Result { () throws(Failure) -> Int in
                try read(UnsafeMutableRawBufferPointer(rebasing: bytes[range]))
            }
        }
        let count = try outcome.get()
        precondition(count >= 0 && count <= range.count)
        end += count
    }

    /// Moves what is left over to the front, and grows when a frame needs more.
    private mutating func makeRoom() {
        if start == end {
            start = 0
            end = 0
            // Large frames are rare.
            if storage.count > 8 * Self.readSize { storage = Array(repeating: 0, count: Self.readSize) }
        } else if start > 0, storage.count - end < Self.readSize / 2 {
            storage.withUnsafeMutableBytes { bytes in
                bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            }
            end -= start
            start = 0
        }
        if storage.count - end < Self.readSize / 4 {
            storage.append(contentsOf: repeatElement(0, count: Self.readSize))
        }
    }

    /// The next whole frame, or `nil` when more bytes are needed. Of a header that is too large only the beginning, so
    /// that its message can be refused and the others go on.
    mutating func next() throws(WireError) -> Frame? {
        if skipped > 0 {
            let count = min(skipped, end - start)
            skipped -= count
            start += count
        }
        guard end - start >= Self.headerSize else { return nil }
        var header = WireReader(storage, in: start..<start + Self.headerSize)
        let type = try header.octet()
        let channel = try header.integer(UInt16.self)
        let size = Int(try header.integer(UInt32.self))
        guard size + WireWriter.frameOverhead <= largestFrame else {
            return try beginning(ofType: type, channel: channel, size: size)
        }
        let payload = start + Self.headerSize..<start + Self.headerSize + size
        guard payload.upperBound < end else { return nil }
        guard storage[payload.upperBound] == WireWriter.frameEnd else {
            throw WireError(reason: "a frame does not end where it should")
        }
        start = payload.upperBound + 1
        return Frame(type: type, channel: channel, payload: WireReader(storage, in: payload))
    }

    private mutating func beginning(ofType type: UInt8, channel: UInt16, size: Int) throws(WireError) -> Frame? {
        guard type == WireWriter.FrameType.header.rawValue else {
            throw WireError(reason: "a frame of \(size) bytes is larger than the \(largestFrame) that are taken")
        }
        let payload = start + Self.headerSize..<start + Self.headerSize + Self.keptOfHeader
        guard payload.upperBound <= end else { return nil }
        start = payload.upperBound
        skipped = size - Self.keptOfHeader + 1
        return Frame(type: type, channel: channel, payload: WireReader(storage, in: payload))
    }
}
