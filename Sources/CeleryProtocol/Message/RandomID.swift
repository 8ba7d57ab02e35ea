/// Random ids as Celery makes them: the text of a version 4 UUID, in lower case.
package enum RandomID {
    private static let digits = Array("0123456789abcdef".utf8)

    /// A new id. Foundation's `UUID` opens the system's random device for each one.
    package static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return String(unsafeUninitializedCapacity: 36) { text in
            var position = 0
            for shift in stride(from: 124, through: 0, by: -4) {
                if [96, 80, 64, 48].contains(shift + 4) {
                    text[position] = UInt8(ascii: "-")
                    position += 1
                }
                let nibble = shift >= 64 ? high >> UInt64(shift - 64) : low >> UInt64(shift)
                text[position] = digits[Int(nibble & 0xF)]
                position += 1
            }
            return position
        }
    }
}
