/// Bytes from the server, put together to what they mean.
struct FrameDecoder {
    private var input = FrameBuffer()
    private var assembler = DeliveryAssembler()

    /// Lends free space to `read`, which says how many bytes it put there.
    mutating func fill<Failure: Error>(
        _ read: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        try input.fill(read)
    }

    /// What has come as a whole. With an error, what came before it is in `events`.
    mutating func decode(into events: inout [ServerEvent]) throws(WireError) {
        while let frame = try input.next() {
            guard let event = try assembler.accept(frame) else { continue }
            if case .heartbeat = event { continue }
            events.append(event)
        }
    }
}
