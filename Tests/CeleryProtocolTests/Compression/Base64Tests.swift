import CeleryProtocol
import Testing

@Suite("Base64")
struct Base64Tests {
    @Test(
        "Bytes are written with padding and read back",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ]
    )
    func knownPairs(_ plain: String, _ encoded: String) throws {
        #expect(Base64.encode(plain.utf8) == Array(encoded.utf8))
        #expect(try Base64.decode(encoded.utf8) == Array(plain.utf8))
    }

    @Test("All bytes in all lengths come back")
    func roundTrips() throws {
        let bytes = (0..<600).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for length in 0..<bytes.count {
            let part = bytes[length...]
            #expect(try Base64.decode(Base64.encode(part)) == Array(part))
        }
    }

    @Test(
        "As in Python, other characters are left out and what follows the padding is not read",
        arguments: [
            ("Zm9v\nYmFy\n", "foobar"), (" Z m9v!é", "foo"), ("Zg==Zm9v", "f"), ("Zm8=x", "fo"), ("=Zm9v", "foo"),
            ("Zg=!=", "f"), ("Zm9=v", "fo"), ("Z=g==", "f"), ("====", ""),
        ]
    )
    func tolerance(_ text: String, _ expected: String) throws {
        #expect(try Base64.decode(text.utf8).map { $0 } == Array(expected.utf8))
    }

    @Test(
        "Missing padding and a single character too many are errors",
        arguments: ["Z", "Zg", "Zg=", "Zm8", "Zm9vY", "Zm9vYg="]
    )
    func malformed(_ text: String) {
        #expect(throws: Base64.DecodingError.self) { try Base64.decode(text.utf8) }
    }
}
