/// What Celery's `result_compression` puts before a compressed result; the content type and a zero follow.
private let compressionMark = Array("\0celery-compressed\0".utf8)

extension JSONValue {
    /// Reads what a result backend holds, compressed or not. Of Celery's compressions, zlib is read.
    ///
    /// - Throws: ``MessageError`` with the code `undecodable`.
    package init(stored bytes: [UInt8]) throws(MessageError) {
        let text = try Self.decompressed(bytes)
        do {
            self = try JSONValue(json: text)
        } catch {
            throw MessageError(.undecodable, "the result is not JSON: \(error)")
        }
    }

    private static func decompressed(_ bytes: [UInt8]) throws(MessageError) -> ArraySlice<UInt8> {
        guard bytes.starts(with: compressionMark) else { return bytes[...] }
        let marked = bytes.dropFirst(compressionMark.count)
        let type = String(decoding: marked.prefix { $0 != 0 }, as: UTF8.self)
        guard type == "application/x-gzip" else {
            throw MessageError(.undecodable, "the result's compression \(PythonRepr.quoted(type)) is not supported")
        }
        do {
            return try Zlib.decompress(marked.drop { $0 != 0 }.dropFirst())[...]
        } catch {
            throw MessageError(.undecodable, "the compressed result cannot be read: \(error)")
        }
    }
}
