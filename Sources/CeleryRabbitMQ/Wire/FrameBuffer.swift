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

    private let frameMax: Int
    private var storage: [UInt8]
    private var start = 0
    private var end = 0

    /// - Parameter frameMax: the size of the largest frame agreed on; a larger one is an error.
    init(frameMax: Int) {
        self.frameMax = frameMax
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

    /// The next whole frame, or `nil` when more bytes are needed.
    mutating func next() throws(WireError) -> Frame? {
        guard end - start >= Self.headerSize else { return nil }
        var header = WireReader(storage, in: start..<start + Self.headerSize)
        let type = try header.octet()
        let channel = try header.integer(UInt16.self)
        let size = Int(try header.integer(UInt32.self))
        guard size + WireWriter.frameOverhead <= frameMax else {
            throw WireError(reason: "a frame of \(size) bytes is larger than the \(frameMax) agreed on")
        }
        let payload = start + Self.headerSize..<start + Self.headerSize + size
        guard payload.upperBound < end else { return nil }
        guard storage[payload.upperBound] == WireWriter.frameEnd else {
            throw WireError(reason: "a frame does not end where it should")
        }
        start = payload.upperBound + 1
        return Frame(type: type, channel: channel, payload: WireReader(storage, in: payload))
    }
}
