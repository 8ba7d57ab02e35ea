internal import CHiredis

/// Turns the bytes of a Redis connection into replies: hiredis's parser, without its sockets.
struct RESPReader: ~Copyable {
    /// hiredis keeps room for what has come until more comes. Of a reply that was so large, it does not.
    private static let largestKept = 1 << 20

    private var reader: UnsafeMutablePointer<redisReader>
    /// How many bytes have come since there was nothing left to read.
    private(set) var size = 0

    /// Makes a parser; `nil` when there is no memory for one.
    init?() {
        guard let reader = redisReaderCreate() else { return nil }
        self.reader = reader
    }

    deinit { redisReaderFree(reader) }

    /// Takes in bytes as they were read from the socket.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(RESPError) {
        let status = redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        guard status == REDIS_OK else { throw error }
        size += bytes.count
    }

    /// The next complete reply; `nil` until more bytes have come.
    mutating func next() throws(RESPError) -> RESPValue? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw error }
        guard let reply else { return nil }
        defer { freeReplyObject(reply) }
        // Before the reply is copied, so that it is not there three times.
        if reader.pointee.pos == reader.pointee.len { startAgain() }
        return Self.value(reply.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Everything that came has been read.
    private mutating func startAgain() {
        if size > Self.largestKept, let fresh = redisReaderCreate() {
            redisReaderFree(reader)
            reader = fresh
        }
        size = 0
    }

    private var error: RESPError {
        let message = withUnsafePointer(to: reader.pointee.errstr) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                String(cString: $0)
            }
        }
        return RESPError(description: message)
    }

    private static func value(_ reply: redisReply) -> RESPValue {
        switch reply.type {
        case REDIS_REPLY_STRING: .bulk(bytes(reply))
        case REDIS_REPLY_STATUS: .status(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: .error(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_INTEGER: .integer(Int(reply.integer))
        case REDIS_REPLY_ARRAY:
            .array(
                UnsafeBufferPointer(start: reply.element, count: reply.elements).map { element in
                    element.map { value($0.pointee) } ?? .null
                }
            )
        default: .null
        }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: reply.str, count: Int(reply.len)))
    }
}

/// What the server sent is not Redis's protocol.
struct RESPError: Error, CustomStringConvertible {
    let description: String
}
