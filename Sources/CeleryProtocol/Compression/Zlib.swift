import CZlib

/// The compression that Celery calls `gzip` and `zlib`: a zlib stream (RFC 1950), not a gzip file.
package enum Zlib {
    /// Why bytes were not compressed or decompressed.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Decompressing yields at most this many bytes unless told otherwise: 256 MiB. A few kilobytes can hold more.
    package static let defaultLimit = 256 << 20

    private static let chunkSize = 64 << 10

    /// Compresses bytes at zlib's default level, as Python's `zlib.compress` does.
    package static func compress(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
        var status = Z_OK
        let capacity = Int(compressBound(uLong(bytes.count)))
        let compressed = [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            var length = uLongf(capacity)
            status = bytes.withUnsafeBufferPointer { input in
                compress2(output.baseAddress, &length, input.baseAddress, uLong(input.count), Z_DEFAULT_COMPRESSION)
            }
            count = status == Z_OK ? Int(length) : 0
        }
        guard status == Z_OK else { throw Failure(description: "zlib cannot compress (code \(status))") }
        return compressed
    }

    /// Decompresses one stream. A truncated or damaged stream and one that yields more than `limit` bytes are errors;
    /// what follows the stream is ignored, as Python does.
    package static func decompress(
        _ bytes: some Collection<UInt8>,
        limit: Int = defaultLimit
    ) throws(Failure) -> [UInt8] {
        let result =
            bytes.withContiguousStorageIfAvailable { inflated($0, limit) }
            ?? Array(bytes).withUnsafeBufferPointer { inflated($0, limit) }
        return try result.get()
    }

    /// The first bytes of what a stream holds, a few at most; none if it is no stream.
    package static func beginning(of bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return [] }
        defer { inflateEnd(&stream) }
        let capacity = 64
        return [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            bytes.withUnsafeBufferPointer { input in
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = uInt(min(input.count, Int(Int32.max)))
                stream.next_out = output.baseAddress
                stream.avail_out = uInt(capacity)
                // Whether the stream is sound is found out when all of it is read.
                _ = inflate(&stream, Z_NO_FLUSH)
            }
            count = capacity - Int(stream.avail_out)
        }
    }

    private static func inflated(_ input: UnsafeBufferPointer<UInt8>, _ limit: Int) -> Result<[UInt8], Failure> {
        var stream = z_stream()
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return .failure(Failure(description: "zlib cannot start"))
        }
        defer { inflateEnd(&stream) }
        // zlib only reads its input, though its header does not say so.
        var next = UnsafeMutablePointer(mutating: input.baseAddress)
        var left = input.count
        var output: [UInt8] = []
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: chunkSize) { chunk in
            while true {
                // The counts of zlib have 32 bits.
                let offered = min(left, Int(Int32.max))
                stream.next_in = next
                stream.avail_in = uInt(offered)
                stream.next_out = chunk.baseAddress
                stream.avail_out = uInt(chunk.count)
                let status = inflate(&stream, Z_NO_FLUSH)
                next = stream.next_in
                left -= offered - Int(stream.avail_in)
                let produced = chunk.count - Int(stream.avail_out)
                guard produced <= limit - output.count else {
                    return .failure(Failure(description: "it is larger than the \(limit) bytes that are allowed"))
                }
                output.append(contentsOf: chunk[..<produced])
                switch status {
                case Z_STREAM_END: return .success(output)
                case Z_OK where left > 0 || produced > 0: continue
                case Z_OK, Z_BUF_ERROR: return .failure(Failure(description: "compressed data is truncated"))
                case Z_MEM_ERROR: return .failure(Failure(description: "not enough memory to decompress"))
                default: return .failure(Failure(description: "data is not a zlib stream or is damaged"))
                }
            }
        }
    }
}
