/// Base64 with the standard alphabet, as Python's `base64.b64encode` and `b64decode` have it.
package enum Base64 {
    /// Why bytes are no base64, in Python's terms.
    package struct DecodingError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    private static let padding = UInt8(ascii: "=")
    /// Stands in the table for bytes outside the alphabet.
    private static let invalid: UInt8 = 0xFF

    /// The value of each byte in the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: invalid, count: 256)
        alphabet.withUTF8Buffer {
            for (value, byte) in $0.enumerated() { values[Int(byte)] = UInt8(value) }
        }
        return values
    }()

    /// The base64 text of bytes, with padding and without line breaks.
    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withContiguousStorageIfAvailable { encode(contiguous: $0) }
            ?? Array(bytes).withUnsafeBufferPointer { encode(contiguous: $0) }
    }

    private static func encode(contiguous input: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: (input.count + 2) / 3 * 4) { output, count in
            alphabet.withUTF8Buffer { alphabet in
                var position = 0
                while position + 3 <= input.count {
                    let group =
                        UInt32(input[position]) << 16 | UInt32(input[position + 1]) << 8 | UInt32(input[position + 2])
                    output[count] = alphabet[Int(group >> 18)]
                    output[count + 1] = alphabet[Int(group >> 12 & 63)]
                    output[count + 2] = alphabet[Int(group >> 6 & 63)]
                    output[count + 3] = alphabet[Int(group & 63)]
                    position += 3
                    count += 4
                }
                guard position < input.count else { return }
                let first = UInt32(input[position]) << 16
                let second = position + 1 < input.count ? UInt32(input[position + 1]) << 8 : 0
                output[count] = alphabet[Int(first >> 18)]
                output[count + 1] = alphabet[Int((first | second) >> 12 & 63)]
                output[count + 2] = position + 1 < input.count ? alphabet[Int(second >> 6 & 63)] : padding
                output[count + 3] = padding
                count += 4
            }
        }
    }

    /// The bytes of base64 text. As in Python, bytes outside the alphabet are left out and what follows complete
    /// padding is not read; missing padding is an error.
    package static func decode(_ text: some Collection<UInt8>) throws(DecodingError) -> [UInt8] {
        var failure: DecodingError?
        let decoded =
            text.withContiguousStorageIfAvailable { decode(contiguous: $0, &failure) }
            ?? Array(text).withUnsafeBufferPointer { decode(contiguous: $0, &failure) }
        if let failure { throw failure }
        return decoded
    }

    private static func decode(
        contiguous input: UnsafeBufferPointer<UInt8>,
        _ failure: inout DecodingError?
    ) -> [UInt8] {
        values.withUnsafeBufferPointer { values in
            [UInt8](unsafeUninitializedCapacity: input.count / 4 * 3 + 3) { output, count in
                var position = 0
                // Four good bytes make three; anything else is left to the loop below.
                while position + 4 <= input.count {
                    let first = values[Int(input[position])]
                    let second = values[Int(input[position + 1])]
                    let third = values[Int(input[position + 2])]
                    let fourth = values[Int(input[position + 3])]
                    guard (first | second | third | fourth) < 64 else { break }
                    output[count] = first << 2 | second >> 4
                    output[count + 1] = second << 4 | third >> 2
                    output[count + 2] = third << 6 | fourth
                    position += 4
                    count += 3
                }
                failure = decodeRest(input[position...], values, output, &count)
            }
        }
    }

    /// Decodes byte by byte, as Python does.
    private static func decodeRest(
        _ input: Slice<UnsafeBufferPointer<UInt8>>,
        _ values: UnsafeBufferPointer<UInt8>,
        _ output: UnsafeMutableBufferPointer<UInt8>,
        _ count: inout Int
    ) -> DecodingError? {
        var group = 0
        var pads = 0
        var left: UInt8 = 0
        for byte in input {
            if byte == padding {
                if group >= 2 {
                    pads += 1
                    if group + pads >= 4 { return nil }
                }
                continue
            }
            let value = values[Int(byte)]
            guard value != invalid else { continue }
            pads = 0
            if group > 0 {
                output[count] = left << UInt8(2 * group) | value >> UInt8(6 - 2 * group)
                count += 1
            }
            left = value
            group = (group + 1) % 4
        }
        switch group {
        case 0: return nil
        case 1: return DecodingError(description: "base64 text with one character too many")
        default: return DecodingError(description: "base64 text with incorrect padding")
        }
    }
}
